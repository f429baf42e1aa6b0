"""Promotion and rollback: the rules, the served directory, and a crash at every write."""

import pathlib
import shutil
from typing import Any

import pytest

from tests.components.registry.conftest import record_of
from tfx_contrastive.components.model.directory import complete_versions, copy_model, publish
from tfx_contrastive.components.registry import promotion
from tfx_contrastive.components.registry.interface import CHALLENGER, CHAMPION, Event
from tfx_contrastive.components.registry.mlflow_backend import MlflowRegistry
from tfx_contrastive.components.registry.store import digest_of, write_lock
from tfx_contrastive.contract.errors import RegistryError


def promote(registry: MlflowRegistry, number: Any, **options: Any) -> Any:
    return promotion.promote(registry, number, "ada", "a reason", **options)


def served_digest(serving_dir: Any) -> Any:
    return digest_of(complete_versions(str(serving_dir))[0].path)


def rollback(
    registry: Any, actor: str, reason: str, serving_dir: str | None = None, number: int | None = None
) -> Event:
    event = promotion.rollback(registry, actor, reason, serving_dir, number)
    assert event is not None
    return event


def test_promotion_moves_the_alias_and_writes_the_history(
    registry: MlflowRegistry, versions: list[int]
) -> None:
    first, second = promote(registry, 1), promote(registry, 3)
    assert registry.alias(CHAMPION) == 3
    assert registry.events() == (first, second)
    assert [(event.action, event.version, event.previous) for event in registry.events()] == [
        ("promote", 1, None),
        ("promote", 3, 1),
    ]
    assert (second.actor, second.reason, second.forced) == ("ada", "a reason", False)


def test_promoting_the_champion_changes_nothing(registry: MlflowRegistry, versions: list[int]) -> None:
    promote(registry, 1)
    assert promote(registry, 1) is None
    assert len(registry.events()) == 1


def test_an_unblessed_version_needs_force_and_a_reason(registry: MlflowRegistry, models: list[str]) -> None:
    registry.register(models[0], record_of(models[0], blessed=False))
    with pytest.raises(RegistryError, match="Version 1 is not blessed"):
        promote(registry, 1)
    with pytest.raises(RegistryError, match="needs a reason"):
        promotion.promote(registry, 1, "ada", " ", force=True)
    assert registry.alias(CHAMPION) is None
    assert promote(registry, 1, force=True).forced


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (shutil.rmtree, "The directory of version 2, .*, does not exist. Restore its files"),
        (lambda path: (path / "version.json").unlink(), "version 2, .*, lacks version.json. Restore"),
        (
            lambda path: (path / "variables/variables.index").write_bytes(b"other"),
            "is not the one that was registered as version 2: its digest is .*, expected ",
        ),
    ],
    ids=["gone", "no record", "changed"],
)
def test_a_version_without_its_files_becomes_no_champion(
    registry: MlflowRegistry, versions: list[int], damage: Any, told: Any
) -> None:
    promote(registry, 1)
    damage(pathlib.Path(registry.fetch(2)))
    with pytest.raises(RegistryError, match=told):
        promote(registry, 2)
    assert registry.alias(CHAMPION) == 1
    assert (registry.intent(), len(registry.events())) == (None, 1)


def test_force_on_a_blessed_version_is_an_ordinary_promotion(
    registry: MlflowRegistry, versions: list[int]
) -> None:
    assert not promote(registry, 1, force=True).forced


def test_a_promoted_challenger_is_no_challenger_any_more(
    registry: MlflowRegistry, versions: list[int]
) -> None:
    promotion.challenge(registry, 2)
    assert (registry.alias(CHAMPION), registry.alias(CHALLENGER)) == (None, 2)
    promote(registry, 2)
    assert (registry.alias(CHAMPION), registry.alias(CHALLENGER)) == (2, None)


def test_rollback_goes_back_one_champion_at_a_time(registry: MlflowRegistry, versions: list[int]) -> None:
    for number in (1, 2, 3):
        promote(registry, number)
    assert rollback(registry, "ada", "worse in production").version == 2
    assert rollback(registry, "ada", "worse still").version == 1
    with pytest.raises(RegistryError, match="no former champion"):
        promotion.rollback(registry, "ada", "once more")
    promote(registry, 3)
    assert rollback(registry, "ada", "again").version == 1


def test_rollback_to_a_given_version_takes_former_champions_only(
    registry: MlflowRegistry, versions: list[int]
) -> None:
    promote(registry, 1)
    promote(registry, 2)
    with pytest.raises(RegistryError, match="Version 3 never was champion; former champions: 1"):
        promotion.rollback(registry, "ada", "why not", number=3)
    assert rollback(registry, "ada", "known good", number=1).previous == 2


def test_the_served_directory_follows_and_former_versions_stay(
    registry: MlflowRegistry, versions: list[int], models: list[str], tmp_path: pathlib.Path
) -> None:
    serving = str(tmp_path / "serving")
    for number in (1, 2):
        promote(registry, number, serving_dir=serving)
        assert served_digest(serving) == digest_of(models[number - 1])
    promotion.rollback(registry, "ada", "worse", serving_dir=serving)
    assert served_digest(serving) == digest_of(models[0])
    found = complete_versions(serving)
    assert [digest_of(version.path) for version in found] == [digest_of(models[n]) for n in (0, 1, 0)]


def test_what_the_pusher_wrote_already_is_not_written_again(
    registry: MlflowRegistry, versions: list[int], models: list[str], tmp_path: pathlib.Path
) -> None:
    copy_model(models[0], str(tmp_path / "serving" / "17"))
    promote(registry, 1, serving_dir=str(tmp_path / "serving"))
    assert [entry.name for entry in (tmp_path / "serving").iterdir()] == ["17"]


def test_a_challenger_that_the_pusher_served_gives_way_to_the_champion(
    registry: MlflowRegistry, versions: list[int], models: list[str], tmp_path: pathlib.Path
) -> None:
    serving = str(tmp_path / "serving")
    promote(registry, 1, serving_dir=serving)
    publish(models[1], serving)
    promotion.challenge(registry, 2, serving)
    assert served_digest(serving) == digest_of(models[0])


class Crash(BaseException):
    """An exception that stands for a kill, because no code catches it."""


class CrashingRegistry(MlflowRegistry):
    """The real registry, which dies before its n-th write of a promotion."""

    def __init__(self, name: Any, directory: str, writes: Any) -> None:
        super().__init__(name, directory)
        self.writes = writes

    def _count(self) -> None:
        if self.writes == 0:
            raise Crash
        self.writes -= 1

    def point(self, name: Any, number: Any) -> None:
        self._count()
        super().point(name, number)

    def add_event(self, event: Any) -> None:
        self._count()
        super().add_event(event)

    def set_intent(self, event: Any) -> None:
        self._count()
        super().set_intent(event)


@pytest.mark.parametrize("writes", range(4))
def test_a_crash_at_any_write_leaves_one_champion_and_a_true_history(
    directory: str, models: list[str], tmp_path: pathlib.Path, writes: Any
) -> None:
    serving = str(tmp_path / "serving")
    registry = MlflowRegistry("clothes", directory)
    for model in models:
        registry.register(model, record_of(model))
    promote(registry, 1, serving_dir=serving)
    with pytest.raises(Crash):
        promote(CrashingRegistry("clothes", directory, writes), 2, serving_dir=serving)
    expected = 1 if writes < 2 else 2  # the second write moves the alias
    assert registry.alias(CHAMPION) == expected
    promote(registry, 3, serving_dir=serving)
    history = [event.version for event in registry.events()]
    assert history == ([1, 3] if expected == 1 else [1, 2, 3])
    assert [event.previous for event in registry.events()] == [None, *history[:-1]]
    assert registry.intent() is None
    assert served_digest(serving) == digest_of(models[2])


def test_a_registry_that_this_user_can_not_change_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "registry").touch()
    told = r"can't be changed by this user \(uid \d+\): .*registry\.lock"
    with pytest.raises(RegistryError, match=told), write_lock(f"{tmp_path}/registry/registry.lock"):
        pass

"""Publishing: complete when visible, newest by number, former versions untouched."""

import os
import pathlib
import time
from typing import Any

import pytest

from tfx_contrastive.components.model.directory import complete_versions, publish
from tfx_contrastive.components.registry.store import digest_of


def test_a_published_model_is_the_newest_and_equal(models: list[str], tmp_path: pathlib.Path) -> None:
    serving = str(tmp_path / "serving")
    published = [publish(model, serving) for model in models]
    found = complete_versions(serving)
    assert [version.path for version in found] == [version.path for version in reversed(published)]
    assert digest_of(found[0].path) == digest_of(models[2])


def test_a_number_in_the_future_or_half_written_is_passed_over(
    models: list[str], tmp_path: pathlib.Path
) -> None:
    serving = tmp_path / "serving"
    (serving / "99999999999").mkdir(parents=True)  # half written, as by a killed Pusher
    assert publish(models[0], str(serving)).version == 100_000_000_000


def test_what_is_being_copied_has_no_number_yet(
    models: list[str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that looks just before the rename sees no new version."""
    seen = []
    rename = os.rename

    def look_and_rename(source: Any, target: Any) -> None:
        seen.extend(complete_versions(str(tmp_path / "serving")))
        rename(source, target)

    monkeypatch.setattr(os, "rename", look_and_rename)
    publish(models[0], str(tmp_path / "serving"))
    assert seen == []
    assert len(complete_versions(str(tmp_path / "serving"))) == 1


def test_what_a_kill_left_behind_goes_away_later(models: list[str], tmp_path: pathlib.Path) -> None:
    serving = tmp_path / "serving"
    for name, age in ((".publishing-dead", 7200), (".publishing-alive", 60)):
        (serving / name).mkdir(parents=True)
        os.utime(serving / name, (time.time() - age,) * 2)
    published = publish(models[0], str(serving))
    assert sorted(os.listdir(serving)) == [".publishing-alive", str(published.version)]


@pytest.mark.parametrize("serving", ["ram://bucket/serving", "memory://bucket/serving"])
def test_an_object_store_gets_the_version_too(models: list[str], serving: str) -> None:
    published = publish(models[0], serving)
    assert complete_versions(serving) == [published]
    assert published.path == f"{serving}/{published.version}"
    assert digest_of(published.path) == digest_of(models[0])


def test_publishing_what_is_no_model_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no saved_model"):
        publish(str(tmp_path), str(tmp_path / "serving"))

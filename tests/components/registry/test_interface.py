"""Values of the interface: events, records, versions by number, and the locations of commands."""

import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_contrastive.components.registry import commands, promotion
from tfx_contrastive.components.registry.interface import (
    CHAMPION,
    Event,
    ModelVersion,
    VersionRecord,
    events_in,
    find,
    from_json,
    new_event_key,
    properties_of,
    to_json,
)
from tfx_contrastive.contract.errors import RegistryError

TIME = datetime.datetime(2026, 11, 27, 2, 30, tzinfo=datetime.timezone.utc)

texts = st.text(max_size=20)
events = st.builds(
    Event,
    st.datetimes(timezones=st.just(datetime.timezone.utc)),
    texts,
    st.sampled_from(["promote", "rollback"]),
    st.integers(1, 99),
    st.none() | st.integers(1, 99),
    texts,
    st.booleans(),
)


def version(number: int, digest: str = "d", blessed: bool = True) -> ModelVersion:
    return ModelVersion(number, digest, blessed, TIME, f"/models/{number}", {"task": "clothes"})


class Registry:
    """The reading half of a registry, in memory."""

    def __init__(self, *numbers: int, champion: int | None = None) -> None:
        self._versions = tuple(version(number) for number in sorted(numbers, reverse=True))
        self._champion = champion

    def versions(self) -> tuple[ModelVersion, ...]:
        return self._versions

    def alias(self, name: str) -> int | None:
        return self._champion if name == CHAMPION else None


@given(events)
def test_an_event_survives_json(event: Event) -> None:
    assert from_json(to_json(event)) == event


def test_an_event_as_json() -> None:
    event = Event(TIME, "ada", "promote", 2, 1, "better")
    assert json.loads(to_json(event)) == {
        "time": "2026-11-27T02:30:00+00:00",
        "actor": "ada",
        "action": "promote",
        "version": 2,
        "previous": 1,
        "reason": "better",
        "forced": False,
    }


def test_properties_are_text_and_the_long_ones_are_left_out() -> None:
    facts = {"commit": "abc", "metrics": {"accuracy": 0.5}, "classes": ["x"] * 2_000, "budget": None}
    assert properties_of(VersionRecord("d", True, facts, "# Card")) == {
        "commit": "abc",
        "metrics": '{"accuracy": 0.5}',
        "budget": "null",
        "digest": "d",
        "blessed": "true",
    }


def test_events_are_found_among_other_properties_and_sorted_by_time() -> None:
    first = Event(TIME, "ada", "promote", 1, None, "new")
    second = Event(TIME + datetime.timedelta(microseconds=1), "ada", "promote", 2, 1, "better")
    keys = [new_event_key(event) for event in (second, first, first)]
    assert len(set(keys)) == 3  # equal events have keys of their own
    properties = dict(zip(keys, map(to_json, (second, first)), strict=False))
    assert events_in(properties | {"intent": to_json(second), "alias.champion": "2"}) == (first, second)


def test_find_names_the_known_versions() -> None:
    registry: Any = Registry(1, 3)
    assert find(registry, 3) == version(3)
    with pytest.raises(RegistryError, match=r"^There is no version 2\. Known versions: 3, 1\.$"):
        find(registry, 2)
    with pytest.raises(RegistryError, match=r"^There is no version 2\. Known versions: none yet\.$"):
        find(Registry(), 2)  # type: ignore[arg-type]  # only the reading half


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ("", []),
        ("p1 p2 p3", [1, 2, 3]),
        ("p1 p2 r1", [1]),
        ("p1 p2 p3 r2 r1", [1]),
        ("p1 p2 p3 r1 p2", [1, 2]),
        ("p1 p2 p1 r2", [1, 2]),
    ],
)
def test_succession(changes: str, expected: list[int]) -> None:
    actions = {"p": "promote", "r": "rollback"}
    history = tuple(
        Event(TIME, "ada", actions[change[0]], int(change[1:]), None, "")  # type: ignore[arg-type]  # a literal
        for change in changes.split()
    )
    assert promotion.succession(history) == expected


@pytest.mark.parametrize(
    ("given_version", "message"),
    [
        ("challenger", "No version is challenger yet"),
        ("-1", "Received the version '-1'; expected a number, champion or challenger"),
        ("٣٣٣x", "expected a number"),
        ("4", "There is no version 4"),
    ],
)
def test_a_version_that_does_not_exist_is_explained(given_version: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        commands._select(Registry(1, 2, champion=2), given_version)  # type: ignore[arg-type]  # reading half


def test_a_version_is_selected_by_number_or_alias() -> None:
    registry: Any = Registry(1, 2, champion=1)
    assert commands._select(registry, "champion").number == 1
    assert commands._select(registry, "2").number == 2


def test_facts_are_flattened_and_compared() -> None:
    first = commands._flat(
        {"metrics": {"eval": {"accuracy": 0.5, "f1": float("nan")}}, "classes": [], "n": 1}
    )
    assert first.keys() == {"metrics.eval.accuracy", "metrics.eval.f1", "classes", "n"}
    second = {**first, "n": 3, "flag": True}
    assert commands._change("n", first, second) == 2
    assert commands._change("classes", first, second) is None
    assert commands._change("flag", {"flag": False}, second) is None  # not a number
    assert commands._same(first["metrics.eval.f1"], float("nan"))
    assert not commands._same(1, None)


def test_somebody_without_a_name_acts_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nobody)
    monkeypatch.setattr("os.getuid", lambda: 12345)
    assert commands.acting_user() == "uid 12345"

"""Whether a run's process lives: by the lock of its root, and by signs of life from other machines."""

import dataclasses
import fcntl
import os
import pathlib
from typing import Any

import pytest

from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runs import presence
from tfx_contrastive.pipeline.runs.lineage import Interruption


@pytest.fixture
def root(tmp_path: pathlib.Path) -> Any:
    (tmp_path / presence.LOCK_FILE).touch()
    return str(tmp_path)


def record(**changes: Any) -> Any:
    return dataclasses.replace(presence.new_record("/logs/run.log"), run_id="run-1", **changes)


def config(root: Any, **more: Any) -> Any:
    return load_config("digits", (f"root={root}", *(f"{key}={value}" for key, value in more.items())))


def test_a_record_comes_back_as_it_was_written(root: Any) -> None:
    written = record(done=("A", "B"), node="Pretrainer", kept_step=37, num_steps=300)
    presence.write(root, written)
    assert presence.read(root) == written


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"pid": 1, "unknown": 2, "done": []}', "null"])
def test_a_damaged_record_is_none(root: Any, text: Any) -> None:
    with open(os.path.join(root, presence.RECORD_FILE), "w") as file:
        file.write(text)
    assert presence.read(root) is None
    assert not presence.at_work(root)


def test_a_run_is_at_work_while_its_lock_is_held(root: Any) -> None:
    presence.write(root, record())
    with open(os.path.join(root, presence.LOCK_FILE)) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert presence.at_work(root)
        assert presence.interruption(config(root)) == Interruption()
    assert not presence.at_work(root)
    assert presence.interruption(config(root)) == Interruption("run-1", every_running=True)


def test_a_run_that_has_ended_by_itself_is_not_interrupted(root: Any) -> None:
    presence.write(root, record(ended=True))
    assert presence.interruption(config(root)) == Interruption("", every_running=True)


def test_with_records_of_other_roots_only_the_own_run_is_known(root: Any) -> None:
    presence.write(root, record())
    known = presence.interruption(
        config(root, **{"metadata": f"{{kind: sqlite, path: {root}/shared.sqlite}}"})
    )
    assert known == Interruption("run-1", every_running=False)


def test_nothing_is_known_of_a_root_elsewhere_or_without_a_run(tmp_path: pathlib.Path) -> None:
    assert presence.interruption(config("gs://bucket/root")) == Interruption()
    assert presence.interruption(config(tmp_path / "none")) == Interruption("", every_running=True)


@pytest.mark.parametrize(
    ("changes", "seconds_silent", "expected"),
    [
        ({"host": "other", "boot_id": "b"}, 10, True),
        ({"host": "other", "boot_id": "b"}, 1000, False),  # the machine went down
        ({"host": "other", "boot_id": "b", "ended": True}, 10, False),
        ({"boot_id": "before the reboot"}, 10, False),  # this machine: the lock counts
        ({"host": "another container of this machine"}, 10, False),
    ],
)
def test_a_run_on_another_machine_gives_signs_of_life(
    root: Any, changes: Any, seconds_silent: Any, expected: Any
) -> None:
    presence.write(root, record(**changes))
    path = os.path.join(root, presence.RECORD_FILE)
    then = os.stat(path).st_mtime - seconds_silent
    os.utime(path, (then, then))
    assert presence.at_work(root) is expected
    presence.beat(root)
    assert presence.at_work(root) is (expected or seconds_silent > 120)

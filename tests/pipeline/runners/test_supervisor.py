"""The supervisor without a pipeline: its checks, its lock, and the record of a run."""

import dataclasses
import os
import pathlib

import pytest

from tfx_contrastive.contract.errors import ConfigError, InputError
from tfx_contrastive.pipeline.config import PipelineConfig, load_config
from tfx_contrastive.pipeline.runners import events, supervisor
from tfx_contrastive.pipeline.runs import presence

RECORD = presence.Record(1, "here", "", "2026-11-26T20:00:00+00:00", "run.log")


def config_at(root: str) -> PipelineConfig:
    return load_config("digits", [f"root={root}"])


def record_after(*happened: events.Event) -> presence.Record:
    record = RECORD
    for event in happened:
        record = supervisor._updated(record, event)
    return record


def test_a_node_at_work_is_recorded_with_its_checkpoint() -> None:
    record = record_after(
        events.Begun("run-1"),
        events.Node("ImageExampleGen", "running"),
        events.Node("ImageExampleGen", "cached", 0.1),
        events.Node("Pretrainer", "running"),
        events.Kept(37, 300),
    )
    assert record == dataclasses.replace(
        RECORD, run_id="run-1", done=("ImageExampleGen",), node="Pretrainer", kept_step=37, num_steps=300
    )


def test_a_node_that_ends_has_no_checkpoint_to_go_on_from() -> None:
    before = (events.Node("Pretrainer", "running"), events.Kept(37, 300))
    assert record_after(*before, events.Node("Pretrainer", "ran", 9.0)) == dataclasses.replace(
        RECORD, done=("Pretrainer",)
    )
    assert record_after(*before, events.Node("Pretrainer", "failed", 9.0, "lost")) == RECORD


@pytest.mark.parametrize("event", [events.Plan(("A",)), events.Progress("x", {}), events.Failed("no")])
def test_other_events_change_no_record(event: events.Event) -> None:
    assert record_after(event) == RECORD


def test_a_root_is_made_and_may_be_there_already(tmp_path: pathlib.Path) -> None:
    config = config_at(f"{tmp_path}/deep/root")
    supervisor.require_usable(config)
    assert list(tmp_path.iterdir()) == []  # a check makes nothing
    supervisor.prepare_root(config)
    supervisor.prepare_root(config)
    assert pathlib.Path(config.root).is_dir()


@pytest.mark.parametrize(
    ("root", "kind", "text"),
    [
        ("gs://bucket/runs", InputError, "a run on this machine needs a local directory"),
        (
            "/proc/version/root",
            InputError,
            r"can't be written \(Not a directory\). Set another one",
        ),
        ("runs[1]", ConfigError, "root"),
    ],
)
def test_a_root_that_can_not_be_used_is_refused(root: str, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        supervisor.require_usable(config_at(root))


def test_a_second_run_on_one_root_is_refused_and_the_first_is_named(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_SECONDS_FOR_A_KILLED_RUN_TO_END", 0.0)
    with supervisor._exclusive(tmp_path) as descriptor:
        assert os.fstat(descriptor).st_ino == (tmp_path / ".lock").stat().st_ino
        presence.write(str(tmp_path), dataclasses.replace(RECORD, ended=True))
        told = rf"Another run uses {tmp_path} \(process 1 on here, since 2026-11-26T20:00:00\+00:00\). Wait"
        with pytest.raises(InputError, match=told), supervisor._exclusive(tmp_path):
            pass
    with supervisor._exclusive(tmp_path):  # free again
        pass


def test_settings_of_the_user_reach_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.delenv("LANGUAGE", raising=False)
    environment = supervisor._environment()
    assert environment["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert environment["LANGUAGE"] == "C"

import json
import logging
import os
from typing import Any

import pytest
from pydantic import ValidationError

from tfx_contrastive.contract.errors import DataError, NotFoundError
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runners import events
from tfx_contrastive.pipeline.runs.lineage import Interruption
from tfx_contrastive.pipeline.source import Source


@pytest.mark.parametrize(
    "event",
    [
        events.Plan(("A", "B")),
        events.Begun("run-1"),
        events.Kept(37, 300),
        events.Node("A", "failed", 1.5, "broken\nin two lines"),
        events.Node("A", "ran", 1.5, note="not pushed"),
        events.Progress("step", {"step": 3, "loss": 0.5}),
        events.Finished("run-1", {"test": {"accuracy": 0.9}}, "report.html"),
        events.Failed("no"),
    ],
)
def test_an_event_survives_the_pipe(event: Any) -> None:
    read_end, write_end = os.pipe()
    events.EventWriter(write_end).write(event)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as lines:
        assert [events.parse(line) for line in lines] == [event]


def test_a_request_survives_the_pipe() -> None:
    config = load_config("digits", ["beam.by_component={Evaluator: [--both]}", "export.formats=[onnx]"])
    request = events.Request(config, Source("fingerprint", False), Interruption("run-1", True))
    read = events.Request.from_json(request.to_json())
    assert read == request
    assert read.config.model_dump_json() == config.model_dump_json()


@pytest.mark.parametrize("part", ["config", "source", "interruption"])
def test_a_request_that_lacks_a_part_is_refused(part: str) -> None:
    request = events.Request(load_config("digits"), Source("fingerprint"), Interruption())
    values = {name: value for name, value in json.loads(request.to_json()).items() if name != part}
    with pytest.raises(ValidationError, match=part):
        events.Request.from_json(json.dumps(values))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (DataError("Received nothing."), "Received nothing."),
        (NotFoundError("No run.", "run"), "No run. tfx-contrastive run"),
        (ValueError("bad shape"), "ValueError: bad shape"),
        (KeyError("lost"), "KeyError: 'lost'"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_only_our_own_errors_are_told_without_their_type(error: Exception, text: str) -> None:
    assert events.describe(error) == text


def test_progress_records_become_events() -> None:
    read_end, write_end = os.pipe()
    logger = logging.Logger("progress")
    logger.addHandler(events.EventWriter(write_end))
    logger.info("at %d", 3, extra={"progress": {"step": 3}})
    logger.info("kept", extra={"progress": {"kept_step": 3, "num_steps": 9}})
    logger.info("ran", extra={"event": events.Node("A", "ran", 2.0)})
    os.close(write_end)
    with os.fdopen(read_end, "rb") as lines:
        found = [events.parse(line) for line in lines]
    assert found == [events.Progress("at 3", {"step": 3}), events.Kept(3, 9), events.Node("A", "ran", 2.0)]


def test_a_writer_remembers_that_a_node_failed() -> None:
    read_end, write_end = os.pipe()
    writer = events.EventWriter(write_end)
    writer.write(events.Node("A", "ran"))
    assert not writer.node_failed
    writer.write(events.Node("A", "failed"))
    assert writer.node_failed
    os.close(read_end)
    os.close(write_end)


def test_a_watcher_that_is_gone_stops_nothing() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    events.EventWriter(write_end).write(events.Plan(("A",)))
    os.close(write_end)

"""The messages between the process that runs a pipeline and the process that watches it.

The watching process writes one `Request` to the standard input of the other one, and gets events back, one
JSON object per line.
"""

import contextlib
import dataclasses
import json
import logging
import os
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import TypeAdapter

from tfx_contrastive.contract.errors import ContrastiveError
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.runs.lineage import Interruption
from tfx_contrastive.pipeline.source import Source

# Components and training report here; records may carry `progress` (numbers) or an `event`.
PROGRESS_LOGGER = "tfx_contrastive.progress"

NodeState = Literal["running", "ran", "cached", "failed"]


@dataclasses.dataclass(frozen=True)
class Request:
    """Everything that the process needs to run a pipeline.

    Attributes:
        config: The configuration.
        source: The state of the data before the run.
        interruption: The run that was killed before, if there was one.
    """

    config: PipelineConfig
    source: Source
    interruption: Interruption

    def to_json(self) -> bytes:
        """Return the request as JSON."""
        return TypeAdapter(Request).dump_json(self)

    @classmethod
    def from_json(cls, text: bytes | str) -> "Request":
        """Read a request; every part of it is validated.

        Raises:
            pydantic.ValidationError: If a part is missing or wrong.
        """
        return TypeAdapter(cls).validate_json(text)


@dataclasses.dataclass(frozen=True)
class Plan:
    """The nodes of the pipeline, in the order in which they run."""

    nodes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Node:
    """A node changed its state.

    Attributes:
        id: Id of the node.
        state: `running`, or how the node ended.
        seconds: Duration; set when the node has ended.
        error: The reason of a failure.
        note: The work that a node left undone although it ran, such as `not pushed`
            (`tfx_contrastive.pipeline.runs.lineage.not_done`).
    """

    id: str
    state: NodeState
    seconds: float = 0.0
    error: str = ""
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Progress:
    """Progress of the running node; `values` holds numbers such as step and loss."""

    text: str
    values: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Begun:
    """A node is about to run; `run_id` is the name of the run in ML Metadata."""

    run_id: str


@dataclasses.dataclass(frozen=True)
class Kept:
    """The running node has saved or restored a checkpoint: after a stop it would continue at `step`."""

    step: int
    num_steps: int


@dataclasses.dataclass(frozen=True)
class Finished:
    """The pipeline has ended.

    Attributes:
        run_id: Name of the run in ML Metadata.
        summary: Figures of the run, as `tfx_contrastive.pipeline.runs.record.RunRecord.values` returns them.
        report: Path of the report; empty if it could not be written.
    """

    run_id: str
    summary: Mapping[str, Any]
    report: str


@dataclasses.dataclass(frozen=True)
class Failed:
    """The pipeline could not be built or run, for a reason outside the nodes."""

    error: str


Event = Plan | Begun | Node | Progress | Kept | Finished | Failed
_TYPES = {kind.__name__: kind for kind in (Plan, Begun, Node, Progress, Kept, Finished, Failed)}


class EventWriter(logging.Handler):
    """Writes events to a file descriptor; as a log handler it forwards log records that carry an event.

    Attributes:
        node_failed: Whether a node has failed.
    """

    def __init__(self, descriptor: int):
        super().__init__()
        self._descriptor = descriptor
        self.node_failed = False

    def write(self, event: Event) -> None:
        """Write one line. If the watching process has ended, the event is dropped."""
        if isinstance(event, Node) and event.state == "failed":
            self.node_failed = True
        line = json.dumps({"event": type(event).__name__, **dataclasses.asdict(event)}, default=str)
        with contextlib.suppress(OSError):
            os.write(self._descriptor, line.encode() + b"\n")

    def emit(self, record: logging.LogRecord) -> None:
        """Forward the event of a log record, or the progress that it reports."""
        event, values = getattr(record, "event", None), getattr(record, "progress", {})
        if "kept_step" in values:
            event = Kept(values["kept_step"], values["num_steps"])
        self.write(event or Progress(record.getMessage(), values))


def parse(line: str | bytes) -> Event:
    """Return the event of one line."""
    values = json.loads(line)
    kind = _TYPES[values.pop("event")]
    if kind is Plan:
        values["nodes"] = tuple(values["nodes"])
    return kind(**values)


def describe(error: BaseException) -> str:
    """Return the text of one of our own errors; of any other error its type and its text."""
    text = str(error).strip()
    if isinstance(error, ContrastiveError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

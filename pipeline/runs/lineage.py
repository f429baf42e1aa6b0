"""Runs, nodes and artifacts in ML Metadata. Imports neither TFX nor TensorFlow."""

import dataclasses
import datetime
import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from tfx_contrastive.contract.errors import NotFoundError

from .metadata import open_store

_STATES = {
    mlmd.Execution.COMPLETE: "ran",
    mlmd.Execution.CACHED: "cached",
    mlmd.Execution.FAILED: "failed",
    mlmd.Execution.RUNNING: "running",
    mlmd.Execution.CANCELED: "interrupted",
}
LATEST = "latest"  # the name of the newest run in every command
# Custom property of the context of a run whose process died between two nodes.
INTERRUPTED_PROPERTY = "interrupted"
METRICS_PROPERTY = "metrics"  # custom property of the context of a finished run: `Run.metrics` as JSON
_INPUTS = (mlmd.Event.INPUT, mlmd.Event.DECLARED_INPUT)
OUTPUTS = (mlmd.Event.OUTPUT, mlmd.Event.DECLARED_OUTPUT)
# Property of an output -> the note on its node if the property is 0.
_NOT_DONE = {"blessed": "refused", "pushed": "not pushed", "registered": "not registered"}


@dataclasses.dataclass(frozen=True)
class Interruption:
    """The runs that have no process anymore, although ML Metadata may call them running.

    Attributes:
        run_id: Id of the run whose process is known to have died; empty if there is none.
        every_running: Whether no run of the pipeline has a process.
    """

    run_id: str = ""
    every_running: bool = False


@dataclasses.dataclass(frozen=True)
class Artifact:
    """One artifact; `properties` holds TFX's own and custom properties."""

    id: int
    type: str
    uri: str
    properties: Mapping[str, Any]

    @property
    def split_names(self) -> tuple[str, ...]:
        """Names of the splits of an Examples, ExampleStatistics or ExampleAnomalies artifact."""
        return tuple(json.loads(self.properties.get("split_names") or "[]"))

    def split_dir(self, split: str) -> str:
        """Return the directory of one split."""
        return posixpath.join(self.uri, f"Split-{split}")

    @property
    def saved_model_dir(self) -> str:
        """Directory of the SavedModel in a Model artifact, where TFX's Trainer writes it."""
        return posixpath.join(self.uri, "Format-Serving")


@dataclasses.dataclass(frozen=True)
class NodeRun:
    """One execution of a node.

    Attributes:
        id: Id of the node.
        execution_id: Id of the execution in ML Metadata.
        state: `ran`, `cached`, `failed`, `running`, `interrupted` or `unknown`.
        started: Start of the execution, UTC.
        seconds: Wall time by the clock of ML Metadata; 0 if the process was killed, since its end is unknown.
        properties: TFX's own and custom properties.
        inputs: Input artifacts per key.
        outputs: Output artifacts per key.
    """

    id: str
    execution_id: int
    state: str
    started: datetime.datetime
    seconds: float
    properties: Mapping[str, Any]
    inputs: Mapping[str, tuple[Artifact, ...]]
    outputs: Mapping[str, tuple[Artifact, ...]]

    @property
    def note(self) -> str:
        """`refused`, `not pushed` or `not registered`, which the state `ran` does not say; else empty."""
        return not_done(artifact.properties for found in self.outputs.values() for artifact in found)

    def output(self, key: str) -> Artifact:
        """Return the one artifact of an output key.

        Raises:
            NotFoundError: If the node has no such output, or more than one artifact there.
        """
        artifacts = self.outputs.get(key, ())
        if len(artifacts) != 1:
            raise NotFoundError(f"{self.id} has {len(artifacts)} artifacts under {key!r}, expected one.")
        return artifacts[0]


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a pipeline.

    Attributes:
        id: Id of the run, the name of its context in ML Metadata.
        pipeline: Name of the pipeline.
        nodes: Its nodes, in the order in which they started.
        interrupted: Whether its process died before the end of the run, also between two nodes.
        metrics: `representation`, `eval` or `test` -> metric -> number, with the names of the registry; empty
            if the run has not reached its end.
    """

    id: str
    pipeline: str
    nodes: tuple[NodeRun, ...]
    interrupted: bool = False
    metrics: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)

    @property
    def started(self) -> datetime.datetime:
        """Start of the first node, UTC."""
        return min(node.started for node in self.nodes)

    @property
    def state(self) -> str:
        """The first of `failed`, `running`, `interrupted` and `ran` that a node has; else `cached`."""
        states = {node.state for node in self.nodes} | ({"interrupted"} if self.interrupted else set())
        return next(
            (state for state in ("failed", "running", "interrupted", "ran") if state in states), "cached"
        )

    def node(self, node_id: str) -> NodeRun | None:
        """Return the node of an id, None if the run has no such node (yet)."""
        return next((node for node in self.nodes if node.id == node_id), None)


class Lineage:
    """The runs of one pipeline in ML Metadata."""

    def __init__(
        self,
        connection: mlmd.ConnectionConfig,
        pipeline: str,
        interruption: Interruption = Interruption(),
    ):
        """Open ML Metadata; without `interruption` (see `presence`), dead runs count as running."""
        self._store = open_store(connection)
        self._pipeline = pipeline
        self._interruption = interruption

    def runs(self) -> tuple[Run, ...]:
        """Return every run, the newest first; empty before the first run."""
        pipeline = self._store.get_context_by_type_and_name("pipeline", self._pipeline)
        if pipeline is None:
            return ()
        own = self._store.get_children_contexts_by_context(pipeline.id)
        contexts = [context for context in own if context.type == "pipeline_run"]
        runs = (self._load(context) for context in sorted(contexts, key=lambda c: c.id, reverse=True))
        return tuple(run for run in runs if run.nodes)

    def run(self, name: str | None = None) -> Run:
        """Return the run of a name; see `find_run`."""
        return find_run(self.runs(), name, self._pipeline)

    def _load(self, context: mlmd.Context) -> Run:
        executions = self._store.get_executions_by_context(context.id)
        events = self._store.get_events_by_execution_ids([execution.id for execution in executions])
        ids = sorted({event.artifact_id for event in events})
        artifacts = {artifact.id: _artifact(artifact) for artifact in self._store.get_artifacts_by_id(ids)}
        known = self._interruption
        dead = known.every_running or context.name == known.run_id
        nodes = [
            self._node(execution, [e for e in events if e.execution_id == execution.id], artifacts, dead)
            for execution in executions
        ]
        newest = {node.id: node for node in sorted(nodes, key=lambda node: node.execution_id)}
        ordered = sorted(newest.values(), key=lambda node: node.execution_id)
        interrupted = context.name == known.run_id or INTERRUPTED_PROPERTY in context.custom_properties
        metrics = json.loads(context.custom_properties[METRICS_PROPERTY].string_value or "{}")
        return Run(context.name, self._pipeline, tuple(ordered), interrupted, metrics)

    def _node(
        self,
        execution: mlmd.Execution,
        events: list[mlmd.Event],
        artifacts: Mapping[int, Artifact],
        dead: bool,
    ) -> NodeRun:
        contexts = self._store.get_contexts_by_execution(execution.id)
        name = next(context.name for context in contexts if context.type == "node")
        created = execution.create_time_since_epoch
        state = _STATES.get(execution.last_known_state, "unknown")
        if dead and state == "running":
            state = "interrupted"
        ended = created if state == "interrupted" else execution.last_update_time_since_epoch
        return NodeRun(
            id=name.removeprefix(f"{self._pipeline}."),
            execution_id=execution.id,
            state=state,
            started=datetime.datetime.fromtimestamp(created / 1000, datetime.timezone.utc),
            seconds=(ended - created) / 1000,
            properties=values_of(execution.properties) | values_of(execution.custom_properties),
            inputs=_by_key(events, _INPUTS, artifacts),
            outputs=_by_key(events, OUTPUTS, artifacts),
        )


def find_run(runs: Sequence[Run], name: str | None, pipeline: str) -> Run:
    """Return the run that a user named.

    Args:
        runs: The runs of the pipeline, the newest first.
        name: Id of a run, the beginning of the id of one run, or `latest`; None is `latest`.
        pipeline: Name of the pipeline, for the error message.

    Raises:
        NotFoundError: If no run or more than one run has this name; the text lists runs.
    """
    if not runs:
        raise NotFoundError(no_run_yet(pipeline), "run")
    if name is None or name == LATEST:
        return runs[0]
    found = [run for run in runs if run.id == name]
    found = found or [run for run in runs if name and run.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(run.id for run in (found or runs)[:10])
    if found:
        raise NotFoundError(
            f"Several runs of pipeline {pipeline} begin with {name}: {listed}. Give more of the id."
        )
    raise NotFoundError(f"Pipeline {pipeline} has no run {name}. Known runs: {listed}.")


def no_run_yet(pipeline: str) -> str:
    """Return the message before the first run; the command that starts one follows."""
    return f"Pipeline {pipeline} has no run yet. Start one:"


def not_done(outputs: Iterable[Mapping[str, Any]]) -> str:
    """Return `refused`, `not pushed` or `not registered` if the outputs of a node say so; else empty.

    Args:
        outputs: Properties of each output artifact.
    """
    return next(
        (note for properties in outputs for name, note in _NOT_DONE.items() if properties.get(name) == 0), ""
    )


def _artifact(artifact: mlmd.Artifact) -> Artifact:
    properties = values_of(artifact.properties) | values_of(artifact.custom_properties)
    return Artifact(artifact.id, artifact.type, artifact.uri, properties)


def values_of(properties: Mapping[str, mlmd.Value]) -> dict[str, Any]:
    """Return properties as Python values."""
    return {key: getattr(value, value.WhichOneof("value")) for key, value in properties.items()}


def _by_key(
    events: Iterable[mlmd.Event], kinds: tuple[int, ...], artifacts: Mapping[int, Artifact]
) -> dict[str, tuple[Artifact, ...]]:
    found: dict[str, tuple[Artifact, ...]] = {}
    for event in events:
        if event.type in kinds and event.artifact_id in artifacts:
            key = next(_keys(event), "")
            found[key] = (*found.get(key, ()), artifacts[event.artifact_id])
    return found


def _keys(event: mlmd.Event) -> Iterator[str]:
    return (step.key for step in event.path.steps if step.WhichOneof("value") == "key")

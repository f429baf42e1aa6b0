"""Reads runs, nodes and artifacts from ML Metadata. Light: imports neither TFX nor TensorFlow."""

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
# Custom property of a run's context, set where its process died between two nodes.
INTERRUPTED_PROPERTY = "interrupted"
_INPUTS = (mlmd.Event.INPUT, mlmd.Event.DECLARED_INPUT)
OUTPUTS = (mlmd.Event.OUTPUT, mlmd.Event.DECLARED_OUTPUT)
# A property of an output that is 0 -> what a node that has run has not done.
_NOT_DONE = {"blessed": "refused", "pushed": "not pushed", "registered": "not registered"}


@dataclasses.dataclass(frozen=True)
class Interruption:
    """Which runs have no process any more, though ML Metadata may call them running.

    Attributes:
        run_id: The run that is known to have been ended before its end; empty if there is none.
        every_running: Whether no run at all is at work.
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
        seconds: Its wall time by ML Metadata's clock; 0 if it was killed, since nobody knows when.
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
        """What "ran" alone would hide: `refused`, `not pushed` or `not registered`; empty otherwise."""
        return not_done(artifact.properties for found in self.outputs.values() for artifact in found)

    def output(self, key: str) -> Artifact:
        """The one artifact of an output key.

        Raises:
            NotFoundError: If the node has no such output, or more than one artifact there.
        """
        artifacts = self.outputs.get(key, ())
        if len(artifacts) != 1:
            raise NotFoundError(f"{self.id} has {len(artifacts)} artifacts under {key!r}, expected one.")
        return artifacts[0]


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a pipeline, its nodes in the order in which they started.

    Attributes:
        interrupted: Whether its process was ended before its end, be it between two nodes.
    """

    id: str
    pipeline: str
    nodes: tuple[NodeRun, ...]
    interrupted: bool = False

    @property
    def started(self) -> datetime.datetime:
        """When the first node started."""
        return min(node.started for node in self.nodes)

    @property
    def state(self) -> str:
        """`failed`, `running`, `interrupted` if any node is, else `ran`; `cached` if no node executed."""
        states = {node.state for node in self.nodes} | ({"interrupted"} if self.interrupted else set())
        return next(
            (state for state in ("failed", "running", "interrupted", "ran") if state in states), "cached"
        )

    def node(self, node_id: str) -> NodeRun | None:
        """The node of this id, None if the run has none (yet)."""
        return next((node for node in self.nodes if node.id == node_id), None)


class Lineage:
    """The runs of one pipeline as ML Metadata knows them."""

    def __init__(
        self,
        connection: mlmd.ConnectionConfig,
        pipeline: str,
        interruption: Interruption = Interruption(),
    ):
        """Opens ML Metadata; without `interruption` (`presence.interruption`) dead runs are running ones."""
        self._store = open_store(connection)
        self._pipeline = pipeline
        self._interruption = interruption

    def runs(self) -> tuple[Run, ...]:
        """Every run, the newest first; empty before the first one."""
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
        return Run(context.name, self._pipeline, tuple(ordered), interrupted)

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
    """What to say before the first run; the command to begin with follows."""
    return f"Pipeline {pipeline} has no run yet. Start one:"


def not_done(outputs: Iterable[Mapping[str, Any]]) -> str:
    """What a node that has run has not done: `refused`, `not pushed`, `not registered`; empty otherwise.

    Args:
        outputs: The properties of each of its output artifacts.
    """
    return next(
        (note for properties in outputs for name, note in _NOT_DONE.items() if properties.get(name) == 0), ""
    )


def _artifact(artifact: mlmd.Artifact) -> Artifact:
    properties = values_of(artifact.properties) | values_of(artifact.custom_properties)
    return Artifact(artifact.id, artifact.type, artifact.uri, properties)


def values_of(properties: Mapping[str, mlmd.Value]) -> dict[str, Any]:
    """Properties as Python values."""
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

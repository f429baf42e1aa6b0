"""Runs in a real ML Metadata store, written as TFX writes them; no node is executed."""

from typing import Any

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from tfx_contrastive.pipeline.runs.metadata import connection_config


class RecordedRuns:
    """Writes runs of a configuration's pipeline."""

    def __init__(self, config: Any) -> None:
        self._name = config.name
        self._store = metadata_store.MetadataStore(connection_config(config))
        self._artifacts: dict[str, int] = {}

    def add(
        self,
        run_id: Any,
        node: Any,
        outputs: Any = None,
        inputs: Any = None,
        state: Any = mlmd.Execution.COMPLETE,
    ) -> None:
        """Records one node of a run.

        Args:
            run_id: The run; made on its first node.
            node: Id of the node.
            outputs: Key -> (uri, custom properties).
            inputs: Key -> uri of an artifact that was an output before.
            state: Of the execution.
        """
        contexts = [self._context("pipeline", self._name)]
        contexts += [self._context("pipeline_run", run_id, contexts[0])]
        contexts += [self._context("node", f"{self._name}.{node}", contexts[0])]
        pairs = []
        for key, uri in (inputs or {}).items():
            (artifact,) = self._store.get_artifacts_by_id([self._artifacts[uri]])
            pairs.append((artifact, _event(mlmd.Event.INPUT, key)))
        kind = self._store.put_artifact_type(mlmd.ArtifactType(name="Artifact"))
        for key, (uri, properties) in (outputs or {}).items():
            artifact = mlmd.Artifact(type_id=kind, uri=uri)
            for name, value in properties.items():
                field = "int_value" if isinstance(value, int) else "string_value"
                setattr(artifact.custom_properties[name], field, value)
            pairs.append((artifact, _event(mlmd.Event.OUTPUT, key)))
        execution = mlmd.Execution(
            type_id=self._store.put_execution_type(mlmd.ExecutionType(name="Node")), last_known_state=state
        )
        _, ids, _ = self._store.put_execution(
            execution, pairs, list(self._store.get_contexts_by_id(contexts))
        )
        written = [uri for uri, _ in (outputs or {}).values()]
        self._artifacts |= dict(zip(written, ids[len(ids) - len(written) :], strict=True))

    def _context(self, kind: Any, name: Any, parent: Any = None) -> Any:
        type_id = self._store.put_context_type(mlmd.ContextType(name=kind))
        known = self._store.get_context_by_type_and_name(kind, name)
        if known:
            return known.id
        (made,) = self._store.put_contexts([mlmd.Context(type_id=type_id, name=name)])
        if parent is not None:
            self._store.put_parent_contexts([mlmd.ParentContext(child_id=made, parent_id=parent)])
        return made


def _event(kind: Any, key: Any) -> Any:
    event = mlmd.Event(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = 0
    return event

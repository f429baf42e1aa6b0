"""TFX's BeamDagRunner with nodes that report when they start and how they end."""

import logging
import os
import sys
import time
from typing import Any

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.beam import beam_dag_runner

from tfx_contrastive.contract import stopping
from tfx_contrastive.contract.errors import StoppedError
from tfx_contrastive.pipeline.runners import events
from tfx_contrastive.pipeline.runs import lineage

_progress = logging.getLogger(events.PROGRESS_LOGGER)


class ReportingNode(beam_dag_runner.PipelineNodeAsDoFn):
    """Runs one node and reports it."""

    def _run_node(self) -> None:
        started = time.monotonic()
        run_id = self._pipeline_runtime_spec.pipeline_run_id.field_value.string_value
        _progress.info("run %s", run_id, extra={"event": events.Begun(run_id)})
        self._report("running")
        try:
            super()._run_node()
        except StoppedError as stopped:
            logging.info("%s: %s", self._node_id, stopped)
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(stopping.EXIT_CODE)  # the execution stays unfinished; it has not failed
        except BaseException as error:
            logging.exception("node %s failed", self._node_id)
            self._report("failed", time.monotonic() - started, events.describe(error))
            raise
        state, note = self._end()
        self._report(state, time.monotonic() - started, note=note)

    def _report(self, state: events.NodeState, seconds: float = 0.0, error: str = "", note: str = "") -> None:
        event = events.Node(self._node_id, state, seconds, error, note)
        _progress.info("%s: %s", self._node_id, state, extra={"event": event})

    def _end(self) -> tuple[events.NodeState, str]:
        """Return `ran` or `cached` for the newest execution of this node, and what it left undone."""
        store = metadata_store.MetadataStore(self._mlmd_connection_config)
        context = store.get_context_by_type_and_name("node", f"{self._pipeline_info.id}.{self._node_id}")
        newest = max(store.get_executions_by_context(context.id), key=lambda execution: execution.id)
        cached = newest.last_known_state == metadata_store_pb2.Execution.CACHED
        outputs = [
            event.artifact_id
            for event in store.get_events_by_execution_ids([newest.id])
            if event.type in lineage.OUTPUTS
        ]
        note = lineage.not_done(
            lineage.values_of(artifact.custom_properties) for artifact in store.get_artifacts_by_id(outputs)
        )
        return "cached" if cached else "ran", note


class ReportingRunner(beam_dag_runner.BeamDagRunner):
    """BeamDagRunner with nodes that report."""

    _PIPELINE_NODE_DO_FN_CLS: Any = ReportingNode

"""Run the pipeline on this machine with TFX's BeamDagRunner, and report its progress.

This is the program of the child process that `tfx_contrastive.pipeline.runners.supervisor` starts. Its
output, with everything that TFX, TensorFlow and Beam print, is redirected to the log file. Events go to a
separate file descriptor.
"""

import ctypes
import json
import logging
import os
import pathlib
import signal
import sys

from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from tfx_contrastive.contract import stopping
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.runners import events
from tfx_contrastive.pipeline.runs import lineage
from tfx_contrastive.pipeline.runs.lineage import INTERRUPTED_PROPERTY, Interruption
from tfx_contrastive.pipeline.runs.record import RunRecord

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Run the pipeline that the `Request` on standard input describes, and return the exit code.

    Args:
        arguments: Number of the file descriptor for events, and process id of the watching process.
    """
    _die_with_parent(int(arguments[1]))
    stopping.end_on_signals()
    writer = events.EventWriter(int(arguments[0]))
    text = sys.stdin.read()
    _log_to_stderr(writer)
    # Beam reads the options of a bare Pipeline() from here.
    sys.argv = sys.argv[:1]
    try:
        finished = run(events.Request.from_json(text), writer)
    except Exception as error:
        logging.exception("the run has failed")
        if not writer.node_failed:
            writer.write(events.Failed(events.describe(error)))
        return 1
    writer.write(finished)
    return 0


def run(request: events.Request, writer: events.EventWriter) -> events.Finished:
    """Build the pipeline, run it to its end and gather its figures.

    Args:
        request: The configuration and the state of the data and of ML Metadata.
        writer: Receives the events.
    """
    from tfx.dsl.compiler import compiler

    from tfx_contrastive.pipeline import pipeline as topology
    from tfx_contrastive.pipeline.runners import reporting
    from tfx_contrastive.pipeline.runs import metadata

    config = request.config
    connection = metadata.connection_config(config)
    cancel_unfinished(metadata.open_store(connection), config.name, request.interruption)
    compiled = compiler.Compiler().compile(topology.create_pipeline(config, request.source))
    writer.write(events.Plan(tuple(node.pipeline_node.node_info.id for node in compiled.nodes)))
    reporting.ReportingRunner().run_with_ir(compiled)
    run_id = compiled.runtime_spec.pipeline_run_id.field_value.string_value
    finished = lineage.Lineage(connection, config.name).run(run_id)
    found = RunRecord(finished)
    record_metrics(metadata.open_store(connection), found)
    return events.Finished(run_id, found.values(), _report(config, finished))


def _report(config: PipelineConfig, run: lineage.Run) -> str:
    """Write the report of a run and return its path; a run from the cache has the newest existing report."""
    from tfx_contrastive.pipeline import report

    reports = sorted(pathlib.Path(config.root, "reports").glob("*.html"))
    if run.state == "cached" and reports:
        return str(reports[-1])
    progress = logging.getLogger(events.PROGRESS_LOGGER)
    progress.info("writing the report", extra={"progress": {"stage": "report"}})
    try:
        return str(report.write_report(config, run.id))
    except Exception:  # the run has succeeded all the same: its model is pushed
        logging.exception("the report could not be written")
        return ""


def _log_to_stderr(writer: events.EventWriter) -> None:
    from absl import logging as absl_logging

    absl_logging.use_absl_handler()
    absl_logging.set_verbosity(absl_logging.INFO)
    progress = logging.getLogger(events.PROGRESS_LOGGER)
    progress.setLevel(logging.INFO)
    progress.addHandler(writer)


def _die_with_parent(parent: int) -> None:
    """Ask the Linux kernel to kill this process when the watching process ends, for whatever reason.

    Else the training would go on, and block the processor and the root for the next run. The signal is
    SIGKILL because the next run may already be waiting, and it continues from the last checkpoint anyway.
    """
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        logging.info("this system can't end a process together with its parent")
        return
    if os.getppid() != parent:  # the parent ended before the kernel was asked
        sys.exit(1)


def record_metrics(store: metadata_store.MetadataStore, found: RunRecord) -> None:
    """Write the metrics of a finished run to ML Metadata, so that `status` need not read TFMA's files.

    Args:
        store: ML Metadata.
        found: The run; `Run.metrics` says under which names its metrics are written.
    """
    metrics = {"representation": found.representation.get("figures", {})}
    metrics |= {evaluation.split: dict(evaluation.overall.values) for evaluation in found.evaluations}
    context = store.get_context_by_type_and_name("pipeline_run", found.run.id)
    context.custom_properties[lineage.METRICS_PROPERTY].string_value = json.dumps(metrics)
    store.put_contexts([context])


_UNFINISHED = (mlmd.Execution.NEW, mlmd.Execution.RUNNING)


def cancel_unfinished(store: metadata_store.MetadataStore, pipeline: str, interruption: Interruption) -> int:
    """Mark the executions of a killed run as canceled; else their state would stay "running" forever.

    Args:
        store: ML Metadata.
        pipeline: Name of the pipeline.
        interruption: The killed run. The run itself is marked too, in case it died between two nodes.

    Returns:
        The number of executions that were marked.
    """
    context = store.get_context_by_type_and_name("pipeline", pipeline)
    if context is None:
        return 0
    runs = {run.name: run for run in store.get_children_contexts_by_context(context.id)}
    died = runs.get(interruption.run_id)
    if died is not None:
        died.custom_properties[INTERRUPTED_PROPERTY].int_value = 1
        store.put_contexts([died])
    owner = context if interruption.every_running else died
    if owner is None:
        return 0
    executions = store.get_executions_by_context(owner.id)
    left = [execution for execution in executions if execution.last_known_state in _UNFINISHED]
    for execution in left:
        execution.last_known_state = mlmd.Execution.CANCELED
    if left:
        store.put_executions(left)
    return len(left)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

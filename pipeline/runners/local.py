"""Runs the pipeline on this machine with TFX's BeamDagRunner, and tells how it goes.

This is the program of the child process that `tfx_contrastive.pipeline.runners.supervisor` starts:
everything that TFX, TensorFlow and Beam print goes to the log file that its output is bound to, and
events go to a file descriptor of their own.
"""

import ctypes
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

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Runs the pipeline described on standard input; returns the exit code.

    Args:
        arguments: The number of the file descriptor for events, and the process that watches.
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
        writer: Where events go.
    """
    from tfx.dsl.compiler import compiler

    from tfx_contrastive.pipeline import pipeline as topology
    from tfx_contrastive.pipeline.runners import reporting
    from tfx_contrastive.pipeline.runs import metadata, record

    config = request.config
    connection = metadata.connection_config(config)
    cancel_unfinished(metadata.open_store(connection), config.name, request.interruption)
    compiled = compiler.Compiler().compile(topology.create_pipeline(config, request.source))
    writer.write(events.Plan(tuple(node.pipeline_node.node_info.id for node in compiled.nodes)))
    reporting.ReportingRunner().run_with_ir(compiled)
    run_id = compiled.runtime_spec.pipeline_run_id.field_value.string_value
    finished = lineage.Lineage(connection, config.name).run(run_id)
    figures = record.RunRecord(finished).values()
    return events.Finished(run_id, figures, _report(config, finished))


def _report(config: PipelineConfig, run: lineage.Run) -> str:
    """Path of the run's report; a run that executed nothing has the one of the run that did."""
    from tfx_contrastive.pipeline import report

    reports = sorted(pathlib.Path(config.root, "reports").glob("*.html"))
    if run.state == "cached" and reports:
        return str(reports[-1])
    progress = logging.getLogger(events.PROGRESS_LOGGER)
    progress.info("writing the report", extra={"progress": {"stage": "report"}})
    try:
        return str(report.write_report(config, run.id))
    except Exception:  # the run itself has succeeded: its model is pushed
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
    """Asks the kernel (Linux) to kill this process when the watching one has ended, however that ended.

    Training for nobody would keep the cores and the root from the next run. SIGKILL, because the next
    run may wait already, and goes on at the last checkpoint.
    """
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        logging.info("this system can't bind a process to its parent's life")
        return
    if os.getppid() != parent:  # it ended before the kernel was asked
        sys.exit(1)


_UNFINISHED = (mlmd.Execution.NEW, mlmd.Execution.RUNNING)


def cancel_unfinished(store: metadata_store.MetadataStore, pipeline: str, interruption: Interruption) -> int:
    """Marks the executions that nobody works on any more as cancelled; else they would "run" for ever.

    Args:
        store: ML Metadata.
        pipeline: The pipeline's name.
        interruption: Whose they are. The run that it names is marked too, if it died between two nodes.

    Returns:
        How many there were.
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

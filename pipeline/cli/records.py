"""How commands print runs, nodes and artifacts: as JSON and as tables. Imports no TensorFlow."""

import json
import math
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfx_contrastive.pipeline.runs.lineage import Artifact, NodeRun, Run
from tfx_contrastive.pipeline.runs.record import RunRecord

Command = TypeVar("Command", bound=Callable[..., Any])

_UNBOUNDED = 10_000  # characters per line
STYLES = {
    "ran": "green",
    "cached": "cyan",
    "failed": "bold red",
    "running": "yellow",
    "interrupted": "bold yellow",
    "blessed": "green",
    "refused": "red",
}


def json_option(command: Command) -> Command:
    """Add the option `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(command)


def print_json(value: Any) -> None:
    """Print a value as indented JSON; text of any language stays readable.

    NaN and infinity, which JSON lacks, become null.
    """
    click.echo(json.dumps(_finite(value), indent=2, ensure_ascii=False, default=str, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_table(
    title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[str] = ()
) -> None:
    """Print a table with colored states and verdicts; columns named in `right` are aligned to the right."""
    click.echo(title)
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_UNBOUNDED)  # do not wrap in a file or a pipe
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def run_values(run: Run) -> dict[str, Any]:
    """Return a short description of a run: state, decision of the gates, pushed model, metrics."""
    record = RunRecord(run)
    return {
        "pipeline": run.pipeline,
        "run": run.id,
        "state": run.state,
        "started": run.started.isoformat(),
        "seconds": round(sum(node.seconds for node in run.nodes), 3),
        "verdict": record.gate.word,
        "refused_by": list(record.gate.refused_by),
        "baseline": record.gate.baseline,
        "pushed_version": record.delivery.pushed_version,
        "pushed_to": record.delivery.pushed_to,
        "metrics": run.metrics,
    }


def log_of(run: Run, root: str) -> str:
    """Return the path of the log file of a run; empty if the file is gone.

    It is the last log file that was created before the first node of the run started.

    Args:
        run: The run.
        root: The root of the pipeline, a local directory.
    """
    begun = f"run-{run.started.astimezone():%Y%m%d-%H%M%S}.log"
    logs = sorted(path for path in pathlib.Path(root, "logs").glob("run-*.log") if path.name <= begun)
    return str(logs[-1]) if logs else ""


def node_values(node: NodeRun, with_inputs: bool) -> dict[str, Any]:
    """Return the state and outputs of a node; with `with_inputs` also its inputs and properties."""
    values: dict[str, Any] = {
        "id": node.id,
        "state": node.state,
        "note": node.note,
        "seconds": node.seconds,
        "execution": node.execution_id,
        "outputs": {key: [artifact_values(a) for a in found] for key, found in node.outputs.items()},
    }
    if with_inputs:
        values["inputs"] = {key: [artifact_values(a) for a in found] for key, found in node.inputs.items()}
        values["properties"] = dict(node.properties)
    return values


def state_text(node: NodeRun) -> str:
    """Return the state of a node with its note, such as `ran, not pushed`."""
    return f"{node.state}, {node.note}" if node.note else node.state


def artifact_values(artifact: Artifact) -> dict[str, Any]:
    """Return an artifact without its properties."""
    return {"id": artifact.id, "type": artifact.type, "uri": artifact.uri}


def artifact_ids(artifacts: Mapping[str, Sequence[Artifact]]) -> str:
    """Return keys and ids, such as `model #7, model_run #8`."""
    return ", ".join(f"{key} #{artifact.id}" for key, found in artifacts.items() for artifact in found)

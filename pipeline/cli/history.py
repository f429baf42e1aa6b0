"""The commands that look at finished runs: `status`, `runs`, `show`, `artifacts` and `report`."""

import dataclasses
import pathlib
from typing import Any

import click

from tfx_contrastive.contract.errors import NotFoundError
from tfx_contrastive.pipeline.cli import ending, invocation, options, records
from tfx_contrastive.pipeline.runs import presence
from tfx_contrastive.pipeline.runs.lineage import Lineage, NodeRun, Run, find_run, no_run_yet
from tfx_contrastive.pipeline.runs.metadata import reading_config
from tfx_contrastive.pipeline.runs.presence import interruption
from tfx_contrastive.pipeline.runs.record import RunRecord, verdict


@click.command("status")
@options.config_options
@records.json_option
def status_command(config_name: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the newest run: its nodes, its verdict and the model that was pushed last."""
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        lineage = Lineage(reading_config(config), config.name, presence.interruption(config))
        runs = lineage.runs()
        run = find_run(runs, None, config.name)
        record = presence.read(config.root)
    if record is not None and record.run_id != run.id:
        record = None  # it is of a run that has no node yet, or of another pipeline with this root
    in_use = next((other for other in runs if RunRecord(other).delivery.pushed_to), None)
    log = records.log_of(run, config.root)
    if as_json:
        nodes = [records.node_values(node, with_inputs=False) for node in run.nodes]
        in_use_values = records.run_values(in_use) if in_use else None
        process = dataclasses.asdict(record) if record else None
        values = {**records.run_values(run), "log": log, "last_pushed": in_use_values, "nodes": nodes}
        values["process"] = process
        records.print_json(values)
        return
    records.print_table(
        f"{run.pipeline}, run {run.id}: {run.state}",
        ("node", "state", "seconds", "outputs"),
        [
            (node.id, records.state_text(node), f"{node.seconds:.1f}", records.artifact_ids(node.outputs))
            for node in run.nodes
        ],
        right=("seconds",),
    )
    click.echo()
    failed = " and ".join(node.id for node in run.nodes if node.state == "failed")
    if failed:
        click.echo(f"failed:      {failed}; see the log")
    if record is not None and run.state == "interrupted":
        click.echo(f"interrupted: its process has ended. {ending.kept_text(record)}")
    if record is not None and run.state == "running":
        click.echo(f"running:     process {record.pid} on {record.host}, since {record.started}")
    click.echo(f"verdict:     {verdict(RunRecord(run))}")
    gate = run.node("RepresentationGate")
    if gate is not None and gate.outputs.get("representation"):
        over_pixels = gate.output("representation").properties.get("over_pixels")
        if over_pixels:
            click.echo(f"pixels:      {over_pixels}")
    if in_use is None:
        click.echo("last pushed: nothing yet")
    else:
        by = "by this run" if in_use.id == run.id else f"by run {in_use.id}"
        click.echo(f"last pushed: {RunRecord(in_use).delivery.pushed_to}, {by}")
    if log:
        click.echo(f"log:         {log}")


@click.command("runs")
@options.config_options
@options.integer_option("--limit", default=20, least=1, help="List at most this many runs.")
@records.json_option
def runs_command(config_name: str | None, overrides: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List the runs of the pipeline, newest first."""
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        runs = Lineage(reading_config(config), config.name, interruption(config)).runs()
    values = [records.run_values(run) for run in runs[:limit]]
    if as_json:
        records.print_json(values)
        return
    if not values:
        _tell_no_run(config.name)
        return
    records.print_table(
        f"{config.name}: {len(values)} of {len(runs)} runs",
        ("run", "started", "state", "seconds", "verdict", "pushed"),
        [
            (
                each["run"],
                each["started"][:16].replace("T", " "),
                each["state"],
                f"{each['seconds']:.1f}",
                each["verdict"],
                each["pushed_version"] or "–",
            )
            for each in values
        ],
        right=("seconds",),
    )


_LONGEST = 300  # characters of a property


@click.command("show")
@click.argument("run_id", metavar="RUN")
@options.config_options
@click.option("--node", "node_id", metavar="NODE", help="Show only this node, with its properties.")
@records.json_option
def show_command(
    run_id: str, config_name: str | None, overrides: tuple[str, ...], node_id: str | None, as_json: bool
) -> None:
    """Show one run, with the inputs and outputs of each node.

    RUN is the id of a run, the beginning of one, or `latest`.
    """
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        run = Lineage(reading_config(config), config.name, interruption(config)).run(run_id)
        nodes = [node for node in run.nodes if node_id in (None, node.id)]
        if not nodes:
            known = ", ".join(node.id for node in run.nodes)
            raise NotFoundError(f"Run {run.id} has no node {node_id}. Known nodes: {known}.")
    if as_json:
        shown = [records.node_values(node, with_inputs=True) for node in nodes]
        records.print_json({**records.run_values(run), "nodes": shown})
        return
    record = RunRecord(run)
    click.echo(f"{run.pipeline}, run {run.id}: {run.state}, {verdict(record)}; {record.delivery}")
    for node in nodes:
        click.echo()
        _echo(node, with_properties=node_id is not None)


def _echo(node: NodeRun, with_properties: bool) -> None:
    click.echo(f"{node.id}  {records.state_text(node)}, {node.seconds:.1f} s, execution {node.execution_id}")
    for arrow, artifacts in (("<-", node.inputs), ("->", node.outputs)):
        for key, found in artifacts.items():
            for artifact in found:
                click.echo(f"  {arrow} {key} #{artifact.id} {artifact.type}  {artifact.uri}")
    if with_properties:
        for key, value in sorted(node.properties.items()):
            text = str(value)
            cut = text[:_LONGEST] + " … (use --json for all of it)"
            click.echo(f"  {key}: {text if len(text) <= _LONGEST else cut}")


@click.command("artifacts")
@options.config_options
@click.option(
    "--run",
    "run_id",
    metavar="RUN",
    help="List only artifacts that this run made or used; `latest` is the newest run.",
)
@click.option("--type", "type_name", metavar="TYPE", help="List only artifacts of this type, such as Model.")
@records.json_option
def artifacts_command(
    config_name: str | None,
    overrides: tuple[str, ...],
    run_id: str | None,
    type_name: str | None,
    as_json: bool,
) -> None:
    """List artifacts with their type, the node and run that made them, and their place."""
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        lineage = Lineage(reading_config(config), config.name)
        runs = lineage.runs()
        wanted = None if run_id is None else lineage.run(run_id)
    made = _made(runs)
    if wanted is not None:
        used = {
            artifact.id
            for node in wanted.nodes
            for artifacts in (node.inputs, node.outputs)
            for found in artifacts.values()
            for artifact in found
        }
        made = [each for each in made if each["id"] in used]
    if type_name is not None:
        made = [each for each in made if each["type"].lower() == type_name.lower()]
    if as_json:
        records.print_json(made)
        return
    if not runs:
        _tell_no_run(config.name)
        return
    records.print_table(
        f"{config.name}: {len(made)} artifacts",
        ("id", "type", "node", "key", "run", "uri"),
        [
            (f"#{each['id']}", each["type"], each["node"], each["key"], each["run"], each["uri"])
            for each in made
        ],
    )


def _made(runs: tuple[Run, ...]) -> list[dict[str, Any]]:
    """Return every artifact once, with the run that made it, not the runs that took it from the cache."""
    found: dict[int, dict[str, Any]] = {}
    for run in reversed(runs):
        for node in run.nodes:
            for key, artifacts in node.outputs.items():
                for artifact in artifacts:
                    found.setdefault(
                        artifact.id,
                        {
                            **records.artifact_values(artifact),
                            "node": node.id,
                            "key": key,
                            "run": run.id,
                            "properties": dict(artifact.properties),
                        },
                    )
    return [found[number] for number in sorted(found, reverse=True)]


@click.command("report")
@options.config_options
@click.option(
    "--run",
    "run_id",
    metavar="RUN",
    show_default="the newest run",
    help="Id of the run; `tfx-contrastive runs` lists them.",
)
@click.option("--compare", metavar="RUN", help="Compare with this run; `latest` is the newest run.")
@options.file_option("--out", described="ROOT/reports/RUN.html", help="Path of the report.")
@options.file_option(
    "--benchmark",
    described="ROOT/label_efficiency.json",
    help="Show this result of benchmarks.label_efficiency in the report.",
)
def report_command(
    config_name: str | None,
    overrides: tuple[str, ...],
    run_id: str | None,
    compare: str | None,
    out: pathlib.Path | None,
    benchmark: pathlib.Path | None,
) -> None:
    """Write the report of a run as one HTML file that works offline."""
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        options.require_writable(out or pathlib.Path(config.root, "reports"), "--out")
        from tfx_contrastive.pipeline import report

        path = report.write_report(config, run_id, compare, out, benchmark)
    click.echo(f"Report: {path} ({path.stat().st_size / 2**20:.1f} MiB)")


def _tell_no_run(pipeline: str) -> None:
    """Print that a pipeline has no run, and the command that makes one."""
    click.echo(f"{no_run_yet(pipeline)} {invocation.command('run')}")

"""`tfx-contrastive status`."""

import dataclasses

import click

from tfx_contrastive.pipeline.cli import ending, options, records
from tfx_contrastive.pipeline.runs import presence
from tfx_contrastive.pipeline.runs.lineage import Lineage
from tfx_contrastive.pipeline.runs.metadata import reading_config
from tfx_contrastive.pipeline.runs.standing import standing_of


@click.command("status")
@options.config_options
@records.json_option
def command(config_name: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the newest run: what ran, what was cached, what is blessed and pushed."""
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        lineage = Lineage(reading_config(config), config.name, presence.interruption(config))
        run, runs = lineage.run(), lineage.runs()
        record = presence.read(config.root)
    if record is not None and record.run_id != run.id:
        record = None  # of a run that has no node yet, or of another pipeline on this root
    in_use = next((other for other in runs if standing_of(other).pushed_to), None)
    log = records.log_of(run, config.root)
    if as_json:
        nodes = [records.node_values(node, with_inputs=False) for node in run.nodes]
        in_use_values = records.run_values(in_use) if in_use else None
        process = dataclasses.asdict(record) if record else None
        values = {**records.run_values(run), "log": log, "last_pushed": in_use_values, "nodes": nodes}
        values["process"] = process
        records.print_json(values)
        return
    standing = standing_of(run)
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
        click.echo(f"failed:      {failed}; the log says why")
    if record is not None and run.state == "interrupted":
        click.echo(f"interrupted: its process has ended. {ending.kept_text(record)}")
    if record is not None and run.state == "running":
        click.echo(f"running:     process {record.pid} on {record.host}, since {record.started}")
    click.echo(f"verdict:     {records.verdict_text(standing)}")
    gate = run.node("RepresentationGate")
    if gate is not None and gate.outputs.get("representation"):
        over_pixels = gate.output("representation").properties.get("over_pixels")
        if over_pixels:
            click.echo(f"pixels:      {over_pixels}")
    if in_use is None:
        click.echo("last pushed: nothing yet")
    else:
        by = "by this run" if in_use.id == run.id else f"by run {in_use.id}"
        click.echo(f"last pushed: {standing_of(in_use).pushed_to}, {by}")
    if log:
        click.echo(f"log:         {log}")

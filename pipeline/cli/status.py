"""`tfx-contrastive status`."""

import click

from pipeline.cli import options, records
from pipeline.config import load_config
from pipeline.lineage import Lineage
from pipeline.metadata import connection_config
from pipeline.report.standing import standing_of


@click.command("status")
@options.config_options
@records.json_option
def command(config_name: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the newest run: what ran, what was cached, what is blessed and pushed."""
    with options.told_plainly():
        config = load_config(config_name, overrides)
        run = Lineage(connection_config(config), config.name).run()
    if as_json:
        nodes = [records.node_values(node, with_inputs=False) for node in run.nodes]
        records.print_json({**records.run_values(run), "nodes": nodes})
        return
    standing = standing_of(run)
    records.print_table(
        f"{run.pipeline}, run {run.id}: {run.state}",
        ("node", "state", "seconds", "outputs"),
        [
            (node.id, node.state, f"{node.seconds:.1f}", records.artifact_ids(node.outputs))
            for node in run.nodes
        ],
        right=("seconds",),
    )
    click.echo(f"\nverdict: {records.verdict_text(standing)}")
    if standing.pushed_to:
        click.echo(f"pushed:  {standing.pushed_to}")

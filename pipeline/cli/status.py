"""`tfx-contrastive status`."""

import json

import click
from rich.console import Console
from rich.table import Table

from pipeline.cli import options
from pipeline.config import load_config
from pipeline.lineage import Lineage, Run
from pipeline.metadata import connection_config


@click.command("status")
@options.config_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(config_name: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show the newest run: what ran, what was cached, what is blessed and pushed."""
    with options.told_plainly():
        config = load_config(config_name, overrides)
        run = Lineage(connection_config(config), config.name).run()
    if as_json:
        click.echo(json.dumps(_as_dict(run), indent=2))
        return
    table = Table(title=f"{run.pipeline}, run {run.id}: {run.state}", title_justify="left", box=None)
    for heading in ("node", "state", "seconds", "outputs"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    for node in run.nodes:
        outputs = ", ".join(f"{key} #{a.id}" for key, found in node.outputs.items() for a in found)
        table.add_row(node.id, node.state, f"{node.seconds:.1f}", outputs)
    Console().print(table)


def _as_dict(run: Run) -> dict[str, object]:
    return {
        "pipeline": run.pipeline,
        "run": run.id,
        "state": run.state,
        "started": run.started.isoformat(),
        "nodes": [
            {
                "id": node.id,
                "state": node.state,
                "seconds": node.seconds,
                "execution": node.execution_id,
                "outputs": {
                    key: [{"id": a.id, "type": a.type, "uri": a.uri} for a in found]
                    for key, found in node.outputs.items()
                },
            }
            for node in run.nodes
        ],
    }

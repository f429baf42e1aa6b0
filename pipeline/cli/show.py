"""`tfx-contrastive show`."""

import click

from tfx_contrastive.contract.errors import NotFoundError
from tfx_contrastive.pipeline.cli import options, records
from tfx_contrastive.pipeline.runs.lineage import Lineage, NodeRun
from tfx_contrastive.pipeline.runs.metadata import reading_config
from tfx_contrastive.pipeline.runs.presence import interruption
from tfx_contrastive.pipeline.runs.standing import standing_of

_LONGEST = 300


@click.command("show")
@click.argument("run_id", metavar="RUN")
@options.config_options
@click.option("--node", "node_id", help="Only this node, with its properties.")
@records.json_option
def command(
    run_id: str, config_name: str | None, overrides: tuple[str, ...], node_id: str | None, as_json: bool
) -> None:
    """Show one run: every node with its inputs and outputs. RUN is an id, or `latest`."""
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        run = Lineage(reading_config(config), config.name, interruption(config)).run(
            None if run_id == "latest" else run_id
        )
        nodes = [node for node in run.nodes if node_id in (None, node.id)]
        if not nodes:
            known = ", ".join(node.id for node in run.nodes)
            raise NotFoundError(f"Run {run.id} has no node {node_id}. Known nodes: {known}.")
    if as_json:
        shown = [records.node_values(node, with_inputs=True) for node in nodes]
        records.print_json({**records.run_values(run), "nodes": shown})
        return
    click.echo(f"{run.pipeline}, run {run.id}: {run.state}, {records.verdict_text(standing_of(run))}")
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
            cut = text[:_LONGEST] + " … (the whole with --json)"
            click.echo(f"  {key}: {text if len(text) <= _LONGEST else cut}")

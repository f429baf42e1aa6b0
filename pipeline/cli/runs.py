"""`tfx-contrastive runs`."""

import click

from tfx_contrastive.pipeline.cli import invocation, options, records
from tfx_contrastive.pipeline.runs.lineage import Lineage, no_run_yet
from tfx_contrastive.pipeline.runs.metadata import reading_config
from tfx_contrastive.pipeline.runs.presence import interruption


@click.command("runs")
@options.config_options
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many, at most.")
@records.json_option
def command(config_name: str | None, overrides: tuple[str, ...], limit: int, as_json: bool) -> None:
    """List the runs of a pipeline, the newest first."""
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        runs = Lineage(reading_config(config), config.name, interruption(config)).runs()
    values = [records.run_values(run) for run in runs[:limit]]
    if as_json:
        records.print_json(values)
        return
    if not values:
        click.echo(f"{no_run_yet(config.name)} {invocation.command('run')}")
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

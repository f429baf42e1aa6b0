"""`tfx-contrastive report`."""

import pathlib

import click

from tfx_contrastive.pipeline.cli import options


@click.command("report")
@options.config_options
@click.option(
    "--run", "run_id", help="Which run (`tfx-contrastive runs` lists them); the newest if not given."
)
@click.option("--compare", metavar="RUN", help="Put another run beside it.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="Where to write; <root>/reports/<run>.html if not given.",
)
@click.option(
    "--benchmark",
    type=click.Path(dir_okay=False, path_type=pathlib.Path),
    help="A result of benchmarks.label_efficiency to show; <root>/label_efficiency.json if not given.",
)
def command(
    config_name: str | None,
    overrides: tuple[str, ...],
    run_id: str | None,
    compare: str | None,
    out: pathlib.Path | None,
    benchmark: pathlib.Path | None,
) -> None:
    """Write the report of a run: one HTML file that works offline."""
    with options.told_plainly():
        config = options.load_config(config_name, overrides)
        options.require_writable(out or pathlib.Path(config.root, "reports"), "--out")
        from tfx_contrastive.pipeline import report

        if run_id == "latest":  # as `show` has it
            run_id = None
        path = report.write_report(config, run_id, compare, out, benchmark)
    click.echo(f"Report: {path} ({path.stat().st_size / 2**20:.1f} MiB)")

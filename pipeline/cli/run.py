"""`tfx-contrastive run`."""

import dataclasses
import sys
import time

import click
from rich.console import Console

from components.image_example_gen import inspect_source, require_enough_labels
from pipeline.cli import display, ending, options
from pipeline.config import load_config
from pipeline.runners import events, supervisor
from pipeline.source import source_of


@click.command("run")
@options.config_options
def command(config_name: str, overrides: tuple[str, ...]) -> None:
    """Run the pipeline; what has not changed since the last run comes from the cache."""
    console = Console()
    started = time.monotonic()
    nodes: list[events.Node] = []
    failure = ""

    def on_event(event: events.Event) -> None:
        nonlocal failure
        if isinstance(event, events.Node) and event.state != "running":
            nodes.append(event)
        if isinstance(event, events.Failed):
            failure = event.error
        shown.show(event)

    with options.told_plainly():
        config = load_config(config_name, overrides)
        config.export.check_installed()
        inspection = inspect_source(config.data)
        require_enough_labels(inspection)
        console.print(
            f"{config.name}: {inspection.num_images:,} images from {config.data.source}", markup=False
        )
        source = dataclasses.asdict(source_of(inspection))
        with display.display_for(console) as shown:
            outcome = supervisor.run_pipeline(config, source, on_event)
    if outcome.exit_code:
        ending.print_failure(console, outcome, nodes, failure)
        sys.exit(1)
    ending.print_success(console, config, outcome, time.monotonic() - started)

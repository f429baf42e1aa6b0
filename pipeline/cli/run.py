"""`tfx-contrastive run`."""

import contextlib
import os
import sys
import time
from collections.abc import Sequence

import click
from rich.console import Console

from tfx_contrastive.components.image_example_gen import SourceInspection
from tfx_contrastive.components.image_example_gen.fingerprints import changed_since
from tfx_contrastive.components.image_example_gen.forecast import check_source
from tfx_contrastive.pipeline.cli import display, ending, invocation, options, terminal
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.runners import events, supervisor
from tfx_contrastive.pipeline.source import Source, source_of


@click.command("run")
@options.config_options
@click.option(
    "--verify-data",
    is_flag=True,
    help="Read all files of the data to find changes, also files whose size and time are unchanged.",
)
def command(config_name: str | None, overrides: tuple[str, ...], verify_data: bool) -> None:
    """Run the pipeline, from images and a few labels to a registered model.

    Results of steps whose inputs have not changed come from the cache. After an interruption, run the same
    command again: it continues from the last checkpoint.

    Exit status: 0 if the model was pushed (or, without any label, the encoder), 4 if the gates refused the
    model and nothing was pushed, 1 if the run failed, 2 for wrong usage, 130 if it was interrupted.
    """
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
        if isinstance(event, events.Node) and (event.id, event.state) == ("ImageExampleGen", "ran"):
            _warn_of_changes(console, changed_since(inspection.content))

    with options.told_plainly(quiet=False):
        if verify_data:
            overrides = (*overrides, "data.verify=all")
        config = options.load_config(config_name, overrides)
        config.export.check_installed()
        supervisor.require_usable(config)
        inspection = check_source(config.data)
        console.print(
            f"{config.name}: {inspection.num_images:,} images from {config.data.source}", markup=False
        )
        source = _source(console, config, inspection)
        with display.display_for(console) as shown:
            given = invocation.options()
            outcome = supervisor.run_pipeline(config, source, on_event, _say_that_it_stops, given)
    if outcome.stopped_by:
        ending.print_stopped(console, outcome, outcome.stopped_by)
        sys.exit(128 + outcome.stopped_by)
    if outcome.exit_code:
        ending.print_failure(console, outcome, nodes, failure)
        sys.exit(terminal.FAILED)
    ending.print_success(console, config, outcome, time.monotonic() - started)
    if not (outcome.finished and outcome.finished.summary["pushed_model"]):
        sys.exit(terminal.REFUSED)


def _source(console: Console, config: PipelineConfig, inspection: SourceInspection) -> Source:
    """Return the state of the data; reading files that changed since the last run may take a while."""
    supervisor.prepare_root(config)
    with console.status("Looking for changes in the data …") as status:

        def tell(done: int, total: int) -> None:
            status.update(f"Looking for changes in the data: {done:,} of {total:,} files")

        return source_of(config, inspection, tell)


def _warn_of_changes(console: Console, changed: Sequence[str]) -> None:
    """Warn about files that changed while the run read them."""
    if changed:
        text = (
            f"warning: {len(changed):,} files of the data changed while this run read them, such as "
            f"{changed[0]}. It may have read old or incomplete files. Run again when the files are complete."
        )
        console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _say_that_it_stops() -> None:
    """Print that the run stops; called in a signal handler, where Python's own streams may be in use."""
    text = "\nStopping: the training so far is kept. A second signal (Ctrl-C) ends the run at once.\n"
    with contextlib.suppress(OSError):
        os.write(2, text.encode())

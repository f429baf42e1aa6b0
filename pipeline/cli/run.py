"""`tfx-contrastive run`, and its display: a live table on a terminal, plain lines elsewhere."""

import contextlib
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import click
from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tfx_contrastive.components.image_example_gen import SourceInspection
from tfx_contrastive.components.image_example_gen.fingerprints import changed_since
from tfx_contrastive.components.image_example_gen.forecast import check_source
from tfx_contrastive.pipeline.cli import ending, invocation, options, records, terminal
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.runners import events, supervisor
from tfx_contrastive.pipeline.source import Source, source_of

_MARKS = {"ran": "✓", "cached": "=", "failed": "✗", "running": "▸"}
_SECONDS_BETWEEN_LINES = 10.0


@click.command("run")
@options.config_options
@click.option(
    "--verify-data",
    is_flag=True,
    help="Read every file of the data to find changes, even if its size and its time are unchanged.",
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
        with display_for(console) as shown:
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


class Display(Protocol):
    """A display that shows events between `__enter__` and `__exit__`."""

    def __enter__(self) -> "Display":
        """Start the display."""
        ...

    def __exit__(self, *exception: object) -> None:
        """End the display."""
        ...

    def show(self, event: events.Event) -> None:
        """Show one event."""
        ...


def display_for(console: Console) -> Display:
    """Return a live display for a terminal, or plain lines for a file or a pipe."""
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


def describe_progress(text: str, values: Mapping[str, Any]) -> str:
    """Return one line of progress: `step 400/2,000 · loss 3.214 · 1,850 images/s · 1:32 left`."""
    parts = []
    if "step" in values and "num_steps" in values:
        parts.append(f"step {values['step']:,}/{values['num_steps']:,}")
    if "loss" in values:
        parts.append(f"loss {values['loss']:.3f}")
    if "images_per_second" in values:
        parts.append(f"{values['images_per_second']:,.0f} images/s")
    if "seconds_left" in values:
        minutes, seconds = divmod(round(values["seconds_left"]), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return " · ".join(parts) if parts else text


class PlainDisplay:
    """Prints a line when a node ends, and a line of progress at most every ten seconds."""

    def __init__(self, console: Console):
        self._console = console
        self._last = 0.0

    def __enter__(self) -> "PlainDisplay":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def show(self, event: events.Event) -> None:
        """Print the event."""
        if isinstance(event, events.Node) and event.state != "running":
            note = f"  {event.note}" if event.note else ""
            self._print(f"{event.id:<20} {event.state:<7} {event.seconds:7.1f} s{note}")
        elif isinstance(event, events.Progress) and time.monotonic() - self._last > _SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self._print(f"    {describe_progress(event.text, event.values)}")

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class LiveDisplay:
    """A table of the nodes that is redrawn in place."""

    def __init__(self, console: Console):
        self._nodes: dict[str, events.Node] = {}
        self._planned: tuple[str, ...] = ()
        self._progress = ""
        self._started = 0.0
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=4)

    def __enter__(self) -> "LiveDisplay":
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._spinner = Spinner("dots", text="")
        self._live.stop()

    def show(self, event: events.Event) -> None:
        """Remember the event; the table shows it the next time it is drawn."""
        if isinstance(event, events.Plan):
            self._planned = event.nodes
        elif isinstance(event, events.Node):
            self._nodes[event.id] = event
            self._progress = ""
            self._started = time.monotonic()
        elif isinstance(event, events.Progress):
            self._progress = describe_progress(event.text, event.values)

    def _render(self) -> Group | Spinner:
        if not self._planned:
            self._spinner.update(text="Starting (importing TFX) …")
            return self._spinner
        table = Table.grid(padding=(0, 2))
        for node_id in self._planned:
            node = self._nodes.get(node_id)
            if node is None:
                table.add_row(Text("·", "dim"), Text(node_id, "dim"), "", "")
                continue
            style = "yellow" if node.note else records.STYLES[node.state]
            running = node.state == "running"
            seconds = time.monotonic() - self._started if running else node.seconds
            mark = "–" if node.note else _MARKS[node.state]
            told = (node.state if node.state != "ran" else "", node.note)
            detail = self._progress if running else ", ".join(filter(None, told))
            table.add_row(Text(mark, style), Text(node_id, style), f"{seconds:6.1f} s", Text(detail, "dim"))
        return Group(table)

"""Display the events of a run: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tfx_contrastive.pipeline.runners import events

_STYLES = {"ran": "green", "cached": "cyan", "failed": "bold red", "running": "yellow"}
_MARKS = {"ran": "✓", "cached": "=", "failed": "✗", "running": "▸"}
_SECONDS_BETWEEN_LINES = 10.0


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
            style = "yellow" if node.note else _STYLES[node.state]
            running = node.state == "running"
            seconds = time.monotonic() - self._started if running else node.seconds
            mark = "–" if node.note else _MARKS[node.state]
            told = (node.state if node.state != "ran" else "", node.note)
            detail = self._progress if running else ", ".join(filter(None, told))
            table.add_row(Text(mark, style), Text(node_id, style), f"{seconds:6.1f} s", Text(detail, "dim"))
        return Group(table)

"""The display of a run: one line per node, or a live table."""

import io

from rich.console import Console

from tfx_contrastive.pipeline.cli import run
from tfx_contrastive.pipeline.runners import events


def test_progress_is_one_line_of_figures() -> None:
    values = {
        "step": 400,
        "num_steps": 2000,
        "loss": 3.2141,
        "images_per_second": 1850.4,
        "seconds_left": 92.3,
    }
    text = run.describe_progress("ignored", values)
    assert text == "step 400/2,000 · loss 3.214 · 1,850 images/s · 1:32 left"


def test_progress_without_figures_is_its_text() -> None:
    assert run.describe_progress("reading", {}) == "reading"


def test_plain_lines_have_state_and_time() -> None:
    out = io.StringIO()
    with run.display_for(Console(file=out, width=80)) as shown:
        shown.show(events.Plan(("ImageExampleGen",)))
        shown.show(events.Node("ImageExampleGen", "running"))
        shown.show(events.Node("ImageExampleGen", "ran", 7.94))
        shown.show(events.Node("Pusher", "ran", 0.31, note="not pushed"))
    assert out.getvalue() == (
        "ImageExampleGen      ran         7.9 s\nPusher               ran         0.3 s  not pushed\n"
    )


def test_the_live_table_shows_every_node() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80)
    with run.display_for(console) as shown:
        shown.show(events.Plan(("A", "B", "C", "D")))
        shown.show(events.Node("A", "cached", 0.2))
        shown.show(events.Node("D", "cached", 0.2, note="not pushed"))
        shown.show(events.Node("B", "running"))
        shown.show(events.Progress("", {"step": 1, "num_steps": 2}))
    text = out.getvalue()
    assert "✓" not in text  # nothing was done: not by the node from the cache, nor by that which left it
    assert "cached, not pushed" in text
    assert "cached" in text
    assert "step 1/2" in text
    assert "C" in text

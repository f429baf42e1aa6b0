"""What the end of a run prints."""

import signal
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.config import PipelineConfig
from pipeline.runners import events
from pipeline.runners.supervisor import Outcome


def print_failure(console: Console, outcome: Outcome, nodes: Sequence[events.Node], failure: str) -> None:
    """One message: which component failed, why, and where the whole log is."""
    failed = next((node for node in nodes if node.state == "failed"), None)
    if failed is not None:
        text = f"{failed.id} failed: {failed.error}"
    elif failure:
        text = f"The pipeline could not run: {failure}"
    elif outcome.exit_code < 0:
        name = signal.Signals(-outcome.exit_code).name
        text = f"The pipeline's process was ended by {name}. "
        text += "Run the same command again: it goes on where it stopped."
        if name == "SIGKILL":
            text += " The system may have run out of memory."
    else:
        text = f"The pipeline's process ended with exit code {outcome.exit_code}."
    console.print(
        f"\n{text}\nLog: {outcome.log_path}", style="red", markup=False, highlight=False, soft_wrap=True
    )


def print_success(console: Console, config: PipelineConfig, outcome: Outcome, seconds: float) -> None:
    """Figures of the run, whether the model is blessed and why, and where everything is."""
    assert outcome.finished is not None
    summary = outcome.finished.summary
    table = Table.grid(padding=(0, 3))
    for name, text in _rows(config, summary):
        table.add_row(name, text)
    table.add_row("time", f"{seconds:.0f} s, peak memory {outcome.peak_memory_bytes / 2**30:.1f} GiB")
    table.add_row("log", str(outcome.log_path))
    console.print()
    console.print(table, markup=False, highlight=False, soft_wrap=True)


def _rows(config: PipelineConfig, summary: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield from _image_rows(summary["images"])
    yield from _encoder_rows(summary["representation"])
    if summary["test"] or summary["evaluation"]:
        yield "classifier", _metrics_text(summary)
    else:
        yield "classifier", "none: no image has a label, so only the encoder was trained"
    yield "verdict", _verdict(summary)
    yield "pushed model", summary["pushed_model"] or "none"
    yield "TensorBoard", f".venv/bin/tensorboard --logdir {config.root}"


def _verdict(summary: Mapping[str, Any]) -> str:
    if not summary["blessed"]:
        return "NOT blessed: " + "; ".join(summary["reasons"] or ["see the log"])
    if summary["baseline"] in ("", "candidate"):
        return "blessed: every threshold was met; there was no model in use to compare with"
    return f"blessed: every threshold was met, also against the model in use (version {summary['baseline']})"


def _metrics_text(summary: Mapping[str, Any]) -> str:
    parts = []
    for split in ("test", "evaluation"):
        values = summary[split]
        if values:
            name = "test" if split == "test" else "eval"
            parts.append(f"{name} accuracy {values['accuracy']:.4f} (macro F1 {values['macro_f1']:.4f})")
    return ", ".join(parts)


def _image_rows(images: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "images", str(images)


def _encoder_rows(representation: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "encoder", str(representation)

"""The messages at the end of a run."""

import shlex
import signal
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console

from tfx_contrastive.components.examples.names import listed
from tfx_contrastive.pipeline.cli import invocation, terminal
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.runners import events
from tfx_contrastive.pipeline.runners.supervisor import Outcome
from tfx_contrastive.pipeline.runs.presence import Record


def print_stopped(console: Console, outcome: Outcome, stopped_by: signal.Signals) -> None:
    """Print which results of a stopped run are kept, and the command that continues it."""
    console.print(
        f"\nInterrupted ({stopped_by.name}). {kept_text(outcome.record)}\nLog: {outcome.log_path}",
        style="yellow",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def kept_text(record: Record) -> str:
    """Return which results of a stopped run are kept, and the command that continues it."""
    done = f"Finished and kept: {', '.join(record.done)}." if record.done else "No node has finished."
    again = (
        invocation.command_of("run", record.options, record.folder)
        if record.options
        else invocation.command("run")
    )
    if not record.node:
        return f"{done} To continue:\n  {again}"
    if record.node == "Tuner":
        here = "Tuner continues after the finished trials"
    elif record.kept_step is not None and record.num_steps is not None:
        here = f"{record.node} continues at step {record.kept_step:,} of {record.num_steps:,}"
    else:
        here = f"{record.node} starts again from its beginning"
    return f"{done} {here}, with\n  {again}"


def print_failure(console: Console, outcome: Outcome, nodes: Sequence[events.Node], failure: str) -> None:
    """Print which component failed, why, and where the log file is."""
    failed = next((node for node in nodes if node.state == "failed"), None)
    if failed is not None:
        text = f"{failed.id} failed: {failed.error}"
    elif failure:
        text = f"The pipeline failed: {failure}"
    elif outcome.exit_code < 0:
        name = signal.Signals(-outcome.exit_code).name
        text = f"The process of the pipeline was ended by {name}. "
        text += kept_text(outcome.record)
        if name == "SIGKILL":
            text += " The system may have run out of memory."
    else:
        text = f"The process of the pipeline ended with exit code {outcome.exit_code}."
    console.print(
        f"\n{text}\nLog: {outcome.log_path}", style="red", markup=False, highlight=False, soft_wrap=True
    )


def print_success(console: Console, config: PipelineConfig, outcome: Outcome, seconds: float) -> None:
    """Print the figures of the run, the verdict of the gates, and where the results are."""
    assert outcome.finished is not None
    summary = outcome.finished.summary
    rows = list(_rows(config, summary))
    rows.append(("report", outcome.finished.report or "could not be written; see the log"))
    rows.append(("time", f"{seconds:.0f} s, peak memory {outcome.peak_memory_bytes / 2**30:.1f} GiB"))
    rows.append(("log", str(outcome.log_path)))
    console.print()
    for name, text in rows:
        console.print(f"{name:<16}{text}", markup=False, highlight=False, soft_wrap=True)


def _rows(config: PipelineConfig, summary: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield from _image_rows(summary["images"], summary["quarantine"])
    for text in summary["images"].get("warnings", ()):
        yield "warning", text
    for split, classes in summary["images"].get("classes_absent", {}).items():
        if classes:
            yield "warning", absent_text(split, classes)
    yield from _encoder_rows(summary["representation"])
    if summary["test"] or summary["evaluation"]:
        yield "classifier", _classifier_text(summary)
        for text in summary["warnings"]:
            yield "warning", text
    else:
        yield "classifier", "none: no image has a label, so only the encoder was trained"
    changes = _class_changes(summary["new_classes"], summary["gone_classes"])
    if changes:
        yield "classes", f"{changes}, compared with the model in use"
    yield "verdict", summary["verdict"]
    for text in summary["reasons"]:
        yield "reason", text
    yield (
        "pushed model",
        summary["pushed_model"] or f"none, so this run ends with status {terminal.REFUSED}",
    )
    yield (
        "TensorBoard",
        f"{invocation.program('tensorboard')} --logdir {shlex.quote(f'{config.root}/tensorboard')}",
    )


def counts_text(counts: Mapping[str, int]) -> str:
    """Return counts as text, such as `.txt files 3, documents 1`."""
    return ", ".join(f"{kind} {count:,}" for kind, count in counts.items())


def _class_changes(new: Sequence[str], gone: Sequence[str]) -> str:
    """Return changes as text, such as `new: 'cross'; removed: 'circle'`; empty if nothing changed."""
    named = (("new", new), ("removed", gone))
    return "; ".join(f"{what}: {', '.join(map(repr, names))}" for what, names in named if names)


def absent_text(split: str, classes: Sequence[str]) -> str:
    """Return a warning that a split has no image of some classes.

    Args:
        split: Name of the split.
        classes: The classes, at least one.
    """
    names = listed([repr(name) for name in classes])
    which = "this class" if len(classes) == 1 else "these classes"
    return f"{split} has no image of {names}, so its figures say nothing about {which}"


def _classifier_text(summary: Mapping[str, Any]) -> str:
    """Return accuracies as text: `test accuracy 0.8712 (macro F1 0.8703), …, trained on 600 labels, …`."""
    parts = []
    for name, values in (("test", summary["test"]), ("eval", summary["evaluation"])):
        if values:
            parts.append(f"{name} accuracy {values['accuracy']:.4f} ({_beside_accuracy(values)})")
    labeled = summary["images"]["written"].get("train", {}).get("labeled", {})
    return ", ".join(parts) + f", trained on {_budget(labeled)}"


def _beside_accuracy(values: Mapping[str, float]) -> str:
    """Return `balanced accuracy 0.8712, macro F1 0.8703, always the most frequent class 0.1000`."""
    parts = [
        f"{title} {values[name]:.4f}"
        for name, title in (("balanced_accuracy", "balanced accuracy"), ("macro_f1", "macro F1"))
        if name in values
    ]
    if "gain_over_majority" in values:
        alone = values["accuracy"] - values["gain_over_majority"]
        parts.append(f"always the most frequent class {alone:.4f}")
    return ", ".join(parts)


def _budget(labeled: Mapping[str, int]) -> str:
    """Return the number of labels as text, such as `600 labels, 60 per class`."""
    fewest, most = min(labeled.values(), default=0), max(labeled.values(), default=0)
    per_class = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return f"{sum(labeled.values()):,} labels, {per_class} per class"


def _image_rows(images: Mapping[str, Any], quarantine: str) -> Iterable[tuple[str, str]]:
    splits = ", ".join(f"{split} {counts['images']:,}" for split, counts in images["written"].items())
    yield "images", f"{images['read']:,} read: {splits}"
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in images["set_aside"].items())
    set_aside = sum(images["set_aside"].values())
    yield "set aside", f"{set_aside:,} ({reasons}): {quarantine}/records.jsonl" if set_aside else "0"
    if passed_over := images.get("passed_over"):
        yield "passed over", f"{counts_text(passed_over)}: not images, by their names"
    duplicates = sum(images["duplicates"].values())
    if duplicates:
        yield "duplicates", f"{duplicates:,}"


def _encoder_rows(representation: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    figures = representation["figures"]
    for name, key in (("linear probe", "linear_probe_accuracy"), ("kNN probe", "knn_accuracy")):
        parts = [
            f"{split} {figures[prefix + key]:.4f}"
            for split, prefix in (("test", "test_"), ("eval", ""))
            if figures.get(prefix + key) is not None
        ]
        if parts:
            yield name, ", ".join(parts)
    yield (
        "representation",
        (
            f"effective rank {figures['effective_rank']:.1f}, "
            f"standard deviation {figures['embedding_std']:.2f}, uniformity {figures['uniformity']:.2f}"
        ),
    )

"""The results file, which the benchmark continues after an interruption, and its tables and plot."""

import json
import math
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import stats

from benchmarks.label_efficiency.methods import FAMILIES, FROM_SCRATCH, METHODS, applies
from tfx_contrastive.contract import locking

# Test accuracy with 4, 16, 64, 256, 1,024 and all labels per class: a 13-layer convolutional network,
# 50,000 training images, from the repository of Parametric UMAP (arXiv:2009.12981).
PUBLISHED: Mapping[str, Sequence[float]] = {
    "published, supervised": (0.607, 0.744, 0.835, 0.889, 0.921, 0.943),
    "published, with augmentation": (0.692, 0.796, 0.860, 0.901, 0.932, 0.949),
    "published, semi-supervised": (0.747, 0.832, 0.880, 0.908, 0.932, 0.953),
}
PUBLISHED_BUDGETS = (4, 16, 64, 256, 1024, None)
# Where `all` is drawn: 5,400 training images per class.
_ALL = 5400


class Result(BaseModel):
    """The result of a method with one choice of labels.

    `labels_per_class` is None for all labels. Every choice was made on `eval`. Times are from the pretrained
    encoder on, all stages before this one included. `config_digest` is of the settings that the method reads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    labels_per_class: int | None
    seed: int
    test_accuracy: float
    eval_accuracy: float
    seconds: float
    cpu_seconds: float
    config_digest: str
    commit: str
    finished: str
    details: Mapping[str, Any] = {}


class Pretraining(BaseModel):
    """The cost of the encoder that all heads share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_steps: int
    num_images: int
    seconds: float
    cpu_seconds: float
    config_digest: str
    commit: str


class Report(BaseModel):
    """The contents of the results file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    encoder: str
    hardware: str
    versions: Mapping[str, str]
    pretraining: Pretraining | None = None
    results: tuple[Result, ...] = ()

    def find(self, method: str, labels_per_class: int | None, seed: int) -> Result | None:
        """Return the result of one cell; None if there is none yet."""
        for each in self.results:
            if (each.method, each.labels_per_class, each.seed) == (method, labels_per_class, seed):
                return each
        return None


class Store:
    """The file of a report; each change is written atomically.

    Several processes may write the same file: each change starts from the current contents.
    """

    def __init__(
        self,
        path: pathlib.Path,
        fresh: Report,
        digests: Callable[[int | None], Mapping[str, str]],
        discard_outdated: bool = False,
    ):
        """Open the file, or start it with `fresh`.

        Args:
            path: The file.
            fresh: A report without results.
            digests: Function from labels per class to the digests of the current settings by method.
            discard_outdated: Discard results of other settings.

        Raises:
            ValueError: If the file holds results of other settings and they are not to be discarded.
        """
        self._path = path
        self._lock = str(path.absolute().with_suffix(".lock"))
        self._fresh = fresh
        path.parent.mkdir(parents=True, exist_ok=True)
        outdated = [
            each
            for each in self.report.results
            if each.config_digest != digests(each.labels_per_class)[each.method]
        ]
        if outdated and not discard_outdated:
            raise ValueError(
                f"{path} holds {len(outdated)} results of other settings "
                f"({', '.join(sorted({each.method for each in outdated}))}): give another --out, or "
                "--discard-outdated to measure them again"
            )
        if outdated:
            self._change(
                lambda report: {"results": tuple(one for one in report.results if one not in outdated)}
            )

    @property
    def report(self) -> Report:
        """The current contents of the file."""
        if not self._path.exists():
            return self._fresh
        return Report.model_validate_json(self._path.read_text(encoding="utf-8"))

    def add(self, result: Result) -> None:
        """Add a result."""
        self._change(lambda report: {"results": (*report.results, result)})

    def set_pretraining(self, pretraining: Pretraining) -> None:
        """Set the cost of pretraining."""
        self._change(lambda _: {"pretraining": pretraining})

    def _change(self, change: Callable[[Report], Mapping[str, Any]]) -> None:
        with locking.exclusive(self._lock):
            report = self.report
            report = report.model_copy(update=change(report))
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps(report.model_dump(), indent=1) + "\n", encoding="utf-8")
            os.replace(part, self._path)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half the width of its 95 % interval by Student's t; NaN with too few values."""
    if not values:
        return float("nan"), float("nan")
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan")
    return mean, float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))


def table(report: Report) -> str:
    """Return a Markdown table: a row per method, a column per budget, mean ± half of the 95 % interval."""
    budgets = _budgets(report)
    lines = [
        "| method | " + " | ".join("all" if each is None else f"{each:,}" for each in budgets) + " |",
        "|---|" + "---|" * len(budgets),
    ]
    for method in METHODS:
        lines.append(f"| {method} | " + " | ".join(_cell(report, method, each) for each in budgets) + " |")
    for name, values in PUBLISHED.items():
        known = dict(zip(PUBLISHED_BUDGETS, values, strict=True))
        cells = (f"{known[each]:.3f}" if each in known else "" for each in budgets)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def comparison(report: Report) -> str:
    """Return a Markdown table: per budget the best head, the best published figure, the network from scratch.

    The best head is the one with the highest mean on `eval`.
    """
    lines = [
        "| labels per class | best head | published | from scratch | intervals of 95 % |",
        "|---|---|---|---|---|",
    ]
    published = dict(zip(PUBLISHED_BUDGETS, PUBLISHED["published, semi-supervised"], strict=True))
    for budget in _budgets(report):
        found = {method: _of(report, method, budget) for method in FAMILIES["pretrained"].methods}
        on_eval = {
            method: float(np.mean([one.eval_accuracy for one in results]))
            for method, results in found.items()
            if results
        }
        if not on_eval:
            continue
        best = max(reversed(on_eval), key=lambda method: on_eval[method])
        head, scratch = (interval(_values(report, method, budget)) for method in (best, FROM_SCRATCH))
        cells = (
            "all" if budget is None else f"{budget:,}",
            f"{head[0]:.3f} ({best})",
            f"{published[budget]:.3f}" if budget in published else "",
            "" if math.isnan(scratch[0]) else f"{scratch[0]:.3f}",
            _overlap(head, scratch),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _overlap(head: tuple[float, float], scratch: tuple[float, float]) -> str:
    lowest, highest = head[0] - head[1], scratch[0] + scratch[1]
    if math.isnan(lowest) or math.isnan(highest):
        return ""
    return f"{'apart' if lowest > highest else 'overlap'}: from {lowest:.3f}, up to {highest:.3f}"


def write_plot(report: Report, path: pathlib.Path) -> pathlib.Path:
    """Plot accuracy by labels per class, published figures in gray; return the path."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for style, (name, values) in zip((":", "--", "-"), PUBLISHED.items(), strict=True):
        places = [_place(each) for each in PUBLISHED_BUDGETS]
        axes.plot(places, values, style, color="0.6", linewidth=1.2, label=name)
    for method in METHODS:
        points = [
            (_place(each), *interval(found))
            for each in _budgets(report)
            if (found := _values(report, method, each))
        ]
        if points:
            budgets, means, widths = zip(*points, strict=True)
            errors = [0.0 if math.isnan(width) else width for width in widths]
            axes.errorbar(budgets, means, errors, marker="o", markersize=4, capsize=3, label=method)
    ticks = [_place(each) for each in PUBLISHED_BUDGETS]
    axes.set_xscale("log")
    axes.set_xticks(ticks, ["all" if each is None else f"{each:,}" for each in PUBLISHED_BUDGETS])
    axes.minorticks_off()
    axes.set(xlabel="labels per class", ylabel="accuracy on test", title="Fashion-MNIST")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
    return path


def _budgets(report: Report) -> list[int | None]:
    found = {each.labels_per_class for each in report.results}
    return sorted(found, key=_place)


def _place(labels_per_class: int | None) -> int:
    return _ALL if labels_per_class is None else labels_per_class


def _of(report: Report, method: str, labels_per_class: int | None) -> list[Result]:
    return [
        each for each in report.results if each.method == method and each.labels_per_class == labels_per_class
    ]


def _values(report: Report, method: str, labels_per_class: int | None) -> list[float]:
    return [each.test_accuracy for each in _of(report, method, labels_per_class)]


def _cell(report: Report, method: str, labels_per_class: int | None) -> str:
    values = _values(report, method, labels_per_class)
    if not values:
        return "" if applies(method, labels_per_class) else "–"
    mean, width = interval(values)
    return f"{mean:.3f}" if math.isnan(width) else f"{mean:.3f} ± {width:.3f}"

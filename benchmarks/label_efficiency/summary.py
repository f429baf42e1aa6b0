"""Table and plot of a report."""

import math
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.label_efficiency.methods import FAMILIES, FROM_SCRATCH, METHODS, applies
from benchmarks.label_efficiency.results import Report, Result, interval

# Test accuracy with 4, 16, 64, 256, 1,024 and all labels a class: a 13-layer convolutional network,
# 50,000 training images, from the repository of Parametric UMAP (arXiv:2009.12981).
PUBLISHED: Mapping[str, Sequence[float]] = {
    "published, supervised": (0.607, 0.744, 0.835, 0.889, 0.921, 0.943),
    "published, with augmentation": (0.692, 0.796, 0.860, 0.901, 0.932, 0.949),
    "published, semi-supervised": (0.747, 0.832, 0.880, 0.908, 0.932, 0.953),
}
PUBLISHED_BUDGETS = (4, 16, 64, 256, 1024, None)
# Where `all` is drawn: 5,400 training images a class.
_ALL = 5400


def table(report: Report) -> str:
    """Markdown: a row a method, a column a budget, mean ± half of the 95 % interval over the seeds."""
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
    """Markdown: for each budget the best head against the best published line and the network from scratch.

    The best head is the one with the highest mean on `eval`.
    """
    lines = [
        "| labels a class | best head | published | from scratch | intervals of 95 % |",
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
    """Draws accuracy against labels a class, the published lines in grey; returns the path."""
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
            places, means, widths = zip(*points, strict=True)
            errors = [0.0 if math.isnan(width) else width for width in widths]
            axes.errorbar(places, means, errors, marker="o", markersize=4, capsize=3, label=method)
    ticks = [_place(each) for each in PUBLISHED_BUDGETS]
    axes.set_xscale("log")
    axes.set_xticks(ticks, ["all" if each is None else f"{each:,}" for each in PUBLISHED_BUDGETS])
    axes.minorticks_off()
    axes.set(xlabel="labels a class", ylabel="accuracy on test", title="Fashion-MNIST")
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

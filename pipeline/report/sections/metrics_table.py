"""Figures of the Evaluators by slice and by class, with confidence intervals."""

import dataclasses
from collections.abc import Mapping, Sequence

from scipy.stats import binomtest

from tfx_contrastive.components.evaluation.results import SliceMetrics
from tfx_contrastive.pipeline.runs.evaluations import Evaluation

_CLASS_SLICE = "label:"
# metric -> its title, in the order of the tables
_SLICE_METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "expected_calibration_error": "calibration error",
    "roc_auc": "ROC AUC",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """Figures of one slice or class on one split.

    Attributes:
        images: How many.
        values: In the order of the columns; None where there is none.
        interval: 95 % confidence interval of the accuracy.
    """

    images: int
    values: tuple[float | None, ...]
    interval: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class MetricsTable:
    """Figures by slice or by class, split beside split.

    Attributes:
        splits: Names of the splits, N.
        columns: Titles of each split's columns, N; without images and interval.
        rows: (name, the row of each split; None where it has none).
    """

    splits: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[str, tuple[Row | None, ...]], ...]


def slice_table(evaluations: Sequence[Evaluation], baseline: str) -> MetricsTable:
    """Figures of all images together and of each slice that isn't a class."""
    columns, found = [], []
    for evaluation in evaluations:
        names = [name for name in _SLICE_METRICS if name in evaluation.overall.values]
        compared = [f"accuracy of {baseline}"] if baseline and evaluation.overall.baseline else []
        columns.append((*(_SLICE_METRICS[name] for name in names), *compared))
        rows = {}
        for each in evaluation.slices:
            if not each.slice.startswith(_CLASS_SLICE):
                values = [each.values.get(name) for name in names]
                values += [each.baseline.get("accuracy")] * len(compared)
                rows[each.slice] = _row(each, values)
        found.append(rows)
    return _table(evaluations, columns, found)


def class_table(evaluations: Sequence[Evaluation], names: Sequence[str]) -> MetricsTable:
    """Figures of each class; the accuracy on the images of a class is its recall."""
    columns, found = [], []
    for evaluation in evaluations:
        metrics = {name: found for name, found in evaluation.overall.per_class.items() if name != "recall"}
        titles = ({"f1": "F1"}.get(name, name.replace("_", " ")) for name in metrics)
        columns.append(("recall", *titles, "calibration error"))
        slices = {each.slice.removeprefix(_CLASS_SLICE): each for each in evaluation.slices}
        rows = {}
        for index, name in enumerate(names):
            if name in slices:
                values = [slices[name].values.get("accuracy")]
                values += [by_class.get(index) for by_class in metrics.values()]
                rows[name] = _row(
                    slices[name], [*values, slices[name].values.get("expected_calibration_error")]
                )
        found.append(rows)
    return _table(evaluations, columns, found)


def accuracy_interval(accuracy: float, images: int) -> tuple[float, float]:
    """95 % confidence interval of an accuracy (Wilson's score interval)."""
    if not images:
        return 0.0, 1.0
    interval = binomtest(round(accuracy * images), images).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def _row(found: SliceMetrics, values: Sequence[float | None]) -> Row:
    images = round(found.values.get("example_count", 0))
    return Row(images, tuple(values), accuracy_interval(found.values.get("accuracy", 0.0), images))


def _table(
    evaluations: Sequence[Evaluation],
    columns: Sequence[tuple[str, ...]],
    found: Sequence[Mapping[str, Row]],
) -> MetricsTable:
    names = dict.fromkeys(name for rows in found for name in rows)
    return MetricsTable(
        tuple(evaluation.split for evaluation in evaluations),
        tuple(columns),
        tuple((name, tuple(rows.get(name) for rows in found)) for name in names),
    )

"""The section on the classifier: metrics with confidence intervals, confusions, reliability, mistakes."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from tfx_contrastive.components.evaluation.results import SliceMetrics
from tfx_contrastive.contract.metrics.calibration import NUM_BINS, calibration_error, reliability_bins
from tfx_contrastive.pipeline.report.thumbnails import Atlas
from tfx_contrastive.pipeline.runs.evaluation import Evaluation
from tfx_contrastive.pipeline.runs.images import ImageSample, Predictions
from tfx_contrastive.pipeline.runs.record import RunRecord

_CELLS, _PICTURES, _MISTAKES = 8, 7, 24
_MAX_CLASSES = 25

_CLASS_SLICE = "label:"
# metric -> its title, in the order of the tables
METRIC_TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "expected_calibration_error": "calibration error",
    "roc_auc": "ROC AUC",
}

UNKNOWN_CLASS = "(no class of the model)"


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image with its prediction; `tile` is its number in the atlas."""

    tile: int | None
    source: str
    actual: str
    predicted: str
    confidence: float


@dataclasses.dataclass(frozen=True)
class Confusion:
    """One cell off the diagonal: images of `actual` that were classified as `predicted`."""

    actual: str
    predicted: str
    count: int
    pictures: tuple[Picture, ...]


@dataclasses.dataclass(frozen=True)
class ConfusionMatrix:
    """Number of images per actual (rows) and predicted class. Of many classes, those with the most errors.

    Attributes:
        split: `eval` or `test`.
        class_names: Classes of the rows and columns, K.
        counts: int [K, K].
        left_out: Number of classes that aren't shown.
    """

    split: str
    class_names: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    left_out: int


@dataclasses.dataclass(frozen=True)
class Bin:
    """Images whose confidence is from `low` to `high`; both means are NaN in an empty bin."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclasses.dataclass(frozen=True)
class Row:
    """Metrics of one slice or class on one split.

    Attributes:
        images: Number of images.
        values: Values in the order of the columns; None where there is none.
        interval: 95% confidence interval of the accuracy.
    """

    images: int
    values: tuple[float | None, ...]
    interval: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class MetricsTable:
    """Metrics per slice or class, with the splits side by side.

    Attributes:
        splits: Names of the splits, N.
        columns: Titles of the columns of each split, N; without images and interval.
        rows: Name and the row of each split, None where a split has no such slice.
    """

    splits: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[str, tuple[Row | None, ...]], ...]


@dataclasses.dataclass(frozen=True)
class Classifier:
    """The section.

    Attributes:
        by_slice: Metrics of all images and of each slice, by TFMA.
        by_class: Metrics of each class, by TFMA.
        matrices: Confusion matrices, by TFMA.
        confusions: Largest cells off the diagonal in the sample of `eval`, with pictures.
        bins: Reliability of the sample of `eval`.
        calibration_error: Expected calibration error of the same images.
        mistakes: Mistakes with the highest confidence.
        num_judged: Number of labeled images in the sample.
        num_mistakes: Number of these that were misclassified.
    """

    by_slice: MetricsTable
    by_class: MetricsTable
    matrices: tuple[ConfusionMatrix, ...]
    confusions: tuple[Confusion, ...]
    bins: tuple[Bin, ...]
    calibration_error: float
    mistakes: tuple[Picture, ...]
    num_judged: int
    num_mistakes: int


def collect_classifier(record: RunRecord, atlas: Atlas) -> Classifier | None:
    """Gather the section; None without a classifier. The atlas takes the pictures."""
    seen, evaluations, baseline = record.seen, record.evaluations, record.gate.baseline
    if seen is None or seen.predictions is None:
        return None
    predictions = seen.predictions
    names = predictions.class_names
    known = np.flatnonzero([label is not None for label in seen.sample.labels])
    correct = predictions.correct[known]
    sums = reliability_bins(predictions.confidence[known], correct)
    wrong = known[~correct]
    by_confidence = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")]
    return Classifier(
        by_slice=slice_table(evaluations, baseline or ""),
        by_class=class_table(evaluations, names),
        matrices=tuple(
            confusion_matrix(evaluation.split, evaluation.overall, names) for evaluation in evaluations
        ),
        confusions=_confusions(seen.sample, predictions, by_confidence, atlas),
        bins=reliability(sums),
        calibration_error=calibration_error(sums),
        mistakes=tuple(
            _picture(seen.sample, predictions, index, atlas) for index in by_confidence[:_MISTAKES].tolist()
        ),
        num_judged=len(known),
        num_mistakes=len(wrong),
    )


def reliability(sums: npt.NDArray[np.float64]) -> tuple[Bin, ...]:
    """Return the bins of the reliability diagram.

    Args:
        sums: As `reliability_bins` returns them.
    """
    with np.errstate(invalid="ignore"):
        means = sums[:, 1:] / sums[:, :1]  # NaN in an empty bin
    return tuple(
        Bin(number / NUM_BINS, (number + 1) / NUM_BINS, int(count), float(confidence), float(accuracy))
        for number, (count, (confidence, accuracy)) in enumerate(zip(sums[:, 0], means, strict=True))
    )


def confusion_matrix(split: str, metrics: SliceMetrics, names: Sequence[str]) -> ConfusionMatrix:
    """Return the matrix of one split; of many classes, those with the most errors.

    Labels that the model doesn't know share one row, after its own classes.
    """
    if any(actual >= len(names) for actual, _ in metrics.confusion):
        names = (*names, UNKNOWN_CLASS)
    counts = np.zeros([len(names), len(names)], np.int64)
    for (actual, predicted), number in metrics.confusion.items():
        counts[min(actual, len(names) - 1), predicted] += round(number)
    shown = np.arange(len(names))
    if len(names) > _MAX_CLASSES:
        errors = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
        shown = np.sort(np.argsort(-errors, kind="stable")[:_MAX_CLASSES])
    return ConfusionMatrix(
        split, tuple(names[i] for i in shown), counts[np.ix_(shown, shown)], len(names) - len(shown)
    )


def _confusions(
    sample: ImageSample, predictions: Predictions, wrong: npt.NDArray[np.int64], atlas: Atlas
) -> tuple[Confusion, ...]:
    """Return the largest cells; `wrong` are the misclassified images, the most confident first."""
    names = predictions.class_names
    cells: dict[tuple[int, int], list[int]] = {}
    for index in wrong.tolist():
        actual = int(predictions.actual[index])
        if actual >= 0:
            cells.setdefault((actual, int(predictions.predicted[index])), []).append(index)
    largest = sorted(cells.items(), key=lambda cell: (-len(cell[1]), cell[0]))[:_CELLS]
    return tuple(
        Confusion(
            names[actual],
            names[predicted],
            len(found),
            tuple(_picture(sample, predictions, index, atlas) for index in found[:_PICTURES]),
        )
        for (actual, predicted), found in largest
    )


def _picture(sample: ImageSample, predictions: Predictions, index: int, atlas: Atlas) -> Picture:
    return Picture(
        atlas.add_pixels(sample.ids[index], sample.pixels(index)),
        sample.sources[index],
        sample.labels[index] or "",
        predictions.class_names[int(predictions.predicted[index])],
        float(predictions.confidence[index]),
    )


def slice_table(evaluations: Sequence[Evaluation], baseline: str) -> MetricsTable:
    """Return the metrics of all images together and of each slice that isn't a class."""
    columns, found = [], []
    for evaluation in evaluations:
        names = [name for name in METRIC_TITLES if name in evaluation.overall.values]
        compared = [f"accuracy of {baseline}"] if baseline and evaluation.overall.baseline else []
        columns.append((*(METRIC_TITLES[name] for name in names), *compared))
        rows = {}
        for each in evaluation.slices:
            if not each.slice.startswith(_CLASS_SLICE):
                values = [each.values.get(name) for name in names]
                values += [each.baseline.get("accuracy")] * len(compared)
                rows[each.slice] = _row(each, values)
        found.append(rows)
    return _table(evaluations, columns, found)


def class_table(evaluations: Sequence[Evaluation], names: Sequence[str]) -> MetricsTable:
    """Return the metrics of each class. The accuracy on the images of a class is its recall."""
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
    """Return the 95% confidence interval of an accuracy (Wilson's score interval)."""
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

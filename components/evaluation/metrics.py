"""TFMA metrics of a classifier.

TFMA's own Precision, Recall and F1Score turn each class into a yes/no problem at probability 0.5, so an image
whose best class has probability 0.4 is counted as no class at all. A classifier answers with its most
probable class, so the metrics here score that answer. All metrics are derived from one pass (`outcomes.py`).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.metrics import multi_class_confusion_matrix_metrics as tfma_confusion
from tensorflow_model_analysis.proto import config_pb2

from tfx_contrastive.contract.metrics.calibration import calibration_error

from .config import (
    ACCURACY,
    ADJUSTED_BALANCED_ACCURACY,
    BALANCED_ACCURACY,
    CONFUSION_MATRIX,
    EXPECTED_CALIBRATION_ERROR,
    GAIN_OVER_MAJORITY,
    MACRO_F1,
    ROC_AUC,
    SHARED_ACCURACY,
)
from .outcomes import FloatArray, Outcomes, derived_metric, derived_metrics


def scores_of(confusion: FloatArray) -> dict[str, FloatArray]:
    """Return precision, recall and F1 of each class.

    Args:
        confusion: float [num_classes, num_classes], number of examples by actual and by predicted class.

    Returns:
        metric -> float64 [num_classes] in [0, 1]. NaN for a class that is neither an actual nor a predicted
        one; 0 for a ratio with denominator 0, as in scikit-learn.
    """
    hits, actual, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    scores = {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, actual),
        "f1": _ratio(2 * hits, actual + predicted),
    }
    absent = actual + predicted == 0
    return {name: np.where(absent, np.nan, values) for name, values in scores.items()}


def accuracy_of(confusion: FloatArray) -> float:
    """Return the share of examples whose most probable class is correct; NaN without examples."""
    total = confusion.sum()
    return float(np.trace(confusion) / total) if total else float("nan")


def macro_f1_of(confusion: FloatArray) -> float:
    """Return the unweighted mean F1 of the classes that have examples; NaN without examples."""
    occurring = confusion.sum(axis=1) > 0
    return float(scores_of(confusion)["f1"][occurring].mean()) if occurring.any() else float("nan")


def balanced_accuracy_of(confusion: FloatArray) -> float:
    """Return the unweighted mean recall of the classes that have examples; NaN without examples.

    Unlike accuracy, it does not rise when a classifier gives up on a rare class (Brodersen et al. 2010,
    doi:10.1109/ICPR.2010.764).
    """
    occurring = confusion.sum(axis=1) > 0
    return float(scores_of(confusion)["recall"][occurring].mean()) if occurring.any() else float("nan")


def adjusted_balanced_accuracy_of(confusion: FloatArray) -> float:
    """Return the balanced accuracy, rescaled to 0 for any constant answer and 1 for no mistake.

    It equals scikit-learn's `balanced_accuracy_score(adjusted=True)`; NaN if fewer than two classes have
    examples.
    """
    num_occurring = int((confusion.sum(axis=1) > 0).sum())
    if num_occurring < 2:
        return float("nan")
    chance = 1.0 / num_occurring
    return (balanced_accuracy_of(confusion) - chance) / (1.0 - chance)


def gain_over_majority_of(confusion: FloatArray) -> float:
    """Return the accuracy minus that of always answering the most frequent class; NaN without examples."""
    total = confusion.sum()
    return float((np.trace(confusion) - confusion.sum(axis=1).max()) / total) if total else float("nan")


def shared_accuracy_of(shared: FloatArray) -> float:
    """Return the accuracy on the classes that every model knows; NaN without examples of these classes.

    Args:
        shared: float64 [2], sum of the weights of their examples, and of those that are classified correctly.
    """
    return float(shared[1] / shared[0]) if shared[0] else float("nan")


def macro_auc_of(counts: FloatArray) -> float:
    """Return the mean over the classes of the area under the ROC curve, one class against the rest.

    A histogram per class is enough. TFMA's AUC keeps a confusion matrix per threshold (10,000), class and
    slice, which takes two thirds of the Evaluator's time with ten classes.

    Args:
        counts: float [num_classes, 2, num_bins], number of examples by bin of the class's probability: of
            other classes in row 0, of the class in row 1.

    Returns:
        The probability that an example of the class has a greater probability of it than another example;
        ties (the same bin) count one half (Hanley and McNeil 1982). Classes without examples or without
        others are left out; NaN if none remains. It measures the ranking and not the calibration.
    """
    others, members = counts[:, 0], counts[:, 1]
    below = np.cumsum(others, axis=1) - others
    wins = (members * (below + 0.5 * others)).sum(axis=1)
    pairs = members.sum(axis=1) * others.sum(axis=1)
    defined = pairs > 0
    return float((wins[defined] / pairs[defined]).mean()) if defined.any() else float("nan")


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    return np.divide(numerator, denominator, out=np.zeros(len(denominator)), where=denominator > 0)


def _matrices(confusion: FloatArray) -> tfma_confusion.Matrices:
    """Return the confusion matrix in TFMA's own form, without empty cells, for TFMA's writers and views."""
    entries = {
        tfma_confusion.MatrixEntryKey(int(actual), int(guess)): float(confusion[actual, guess])
        for actual, guess in zip(*np.nonzero(confusion), strict=True)
    }
    return tfma_confusion.Matrices({0.0: entries})


class _Derived(metric_types.Metric):
    """A metric with one value, computed from the outcomes of a slice."""

    def __init__(self, name: str, value_of: Callable[[Outcomes], Any]):
        super().__init__(derived_metric(value_of), name=name)


class Accuracy(_Derived):
    """Share of examples whose most probable class is correct."""

    def __init__(self, name: str = ACCURACY):
        super().__init__(name, lambda found: accuracy_of(found.confusion))


class ConfusionMatrix(_Derived):
    """Examples by actual and by most probable class, as TFMA's MultiClassConfusionMatrixAtThresholds."""

    def __init__(self, name: str = CONFUSION_MATRIX):
        super().__init__(name, lambda found: _matrices(found.confusion))


class MacroF1(_Derived):
    """Unweighted mean over the classes of the F1 of the most probable class."""

    def __init__(self, name: str = MACRO_F1):
        super().__init__(name, lambda found: macro_f1_of(found.confusion))


class BalancedAccuracy(_Derived):
    """Unweighted mean over the classes of the recall of the most probable class."""

    def __init__(self, name: str = BALANCED_ACCURACY):
        super().__init__(name, lambda found: balanced_accuracy_of(found.confusion))


class AdjustedBalancedAccuracy(_Derived):
    """Balanced accuracy, rescaled to 0 for any constant answer and 1 for no mistake."""

    def __init__(self, name: str = ADJUSTED_BALANCED_ACCURACY):
        super().__init__(name, lambda found: adjusted_balanced_accuracy_of(found.confusion))


class GainOverMajority(_Derived):
    """Accuracy minus that of always answering the most frequent class of the slice."""

    def __init__(self, name: str = GAIN_OVER_MAJORITY):
        super().__init__(name, lambda found: gain_over_majority_of(found.confusion))


class SharedAccuracy(_Derived):
    """Accuracy on the classes that every model of the evaluation knows.

    It compares models with different classes. Don't use it as a metric of one model: it leaves out the
    classes that the other model lacks.
    """

    def __init__(self, name: str = SHARED_ACCURACY):
        super().__init__(name, lambda found: shared_accuracy_of(found.shared))


class MacroRocAuc(_Derived):
    """ROC AUC of each class against the rest, averaged over the classes without weights."""

    def __init__(self, name: str = ROC_AUC):
        super().__init__(name, lambda found: macro_auc_of(found.probability))


class ExpectedCalibrationError(_Derived):
    """Expected calibration error; see `contract.metrics.calibration`."""

    def __init__(self, name: str = EXPECTED_CALIBRATION_ERROR):
        super().__init__(name, lambda found: calibration_error(found.confidence))


class PerClass(metric_types.Metric):
    """`precision`, `recall` or `f1` (the `name`) of each class of the model, by index of the class."""

    def __init__(self, name: str):
        super().__init__(derived_metrics(_per_class), name=name)


def _per_class(
    key: metric_types.MetricKey, eval_config: config_pb2.EvalConfig | None, found: Outcomes
) -> dict[metric_types.MetricKey, float]:
    specs = eval_config.model_specs if eval_config else ()
    is_baseline = any(spec.is_baseline and spec.name == key.model_name for spec in specs)
    # TFMA subtracts by index: with different lists of classes, it would compare different classes.
    if is_baseline and not found.same_classes:
        return {}
    values = scores_of(found.confusion)[key.name][: found.num_classes].tolist()
    return {
        key._replace(sub_key=metric_types.SubKey(class_id=index)): value for index, value in enumerate(values)
    }


for _metric in (*_Derived.__subclasses__(), PerClass):
    metric_types.register_metric(_metric)

"""TFMA metrics of the predicted class, i.e. of the most probable one.

TFMA's own Precision, Recall and F1Score binarise each class at probability 0.5, so an image whose
best class has probability 0.4 counts as "no class". A classifier answers with its most probable
class; these metrics score that answer.
"""

from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.metrics import multi_class_confusion_matrix_metrics as tfma_confusion
from tensorflow_model_analysis.proto import config_pb2

from .outcomes import Outcomes, derive, derived_metric

ACCURACY = "accuracy"
CONFUSION_MATRIX = "confusion_matrix"
MACRO_F1 = "macro_f1"
BALANCED_ACCURACY = "balanced_accuracy"
ADJUSTED_BALANCED_ACCURACY = "adjusted_balanced_accuracy"
GAIN_OVER_MAJORITY = "gain_over_majority"
SHARED_ACCURACY = "shared_accuracy"
PER_CLASS_METRICS = ("precision", "recall", "f1")


def scores_of(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of each class.

    Args:
        confusion: float [num_classes, num_classes], examples by actual and by predicted class.

    Returns:
        metric -> float64 [num_classes] in [0, 1]. A class that was neither actual nor predicted has
        NaN; a ratio without a denominator is 0, as scikit-learn has it.
    """
    hits, actual, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    scores = {
        "precision": _ratio(hits, predicted),
        "recall": _ratio(hits, actual),
        "f1": _ratio(2 * hits, actual + predicted),
    }
    absent = actual + predicted == 0
    return {name: np.where(absent, np.nan, values) for name, values in scores.items()}


def accuracy_of(confusion: np.ndarray) -> float:
    """Share of examples whose most probable class is theirs; NaN without examples."""
    total = confusion.sum()
    return float(np.trace(confusion) / total) if total else float("nan")


def macro_f1_of(confusion: np.ndarray) -> float:
    """Unweighted mean F1 over the classes that occur as actual ones; NaN without examples."""
    occurring = confusion.sum(axis=1) > 0
    return float(scores_of(confusion)["f1"][occurring].mean()) if occurring.any() else float("nan")


def balanced_accuracy_of(confusion: np.ndarray) -> float:
    """Return the unweighted mean recall over the classes that occur; NaN without examples.

    Unlike accuracy, it does not rise when a classifier gives up on a rare class (Brodersen et al. 2010,
    doi:10.1109/ICPR.2010.764).
    """
    occurring = confusion.sum(axis=1) > 0
    return float(scores_of(confusion)["recall"][occurring].mean()) if occurring.any() else float("nan")


def adjusted_balanced_accuracy_of(confusion: np.ndarray) -> float:
    """Return the balanced accuracy, rescaled so that any constant answer has 0 and a perfect one 1.

    It equals scikit-learn's `balanced_accuracy_score(adjusted=True)`; NaN where fewer than two classes occur.
    """
    num_occurring = int((confusion.sum(axis=1) > 0).sum())
    if num_occurring < 2:
        return float("nan")
    chance = 1.0 / num_occurring
    return (balanced_accuracy_of(confusion) - chance) / (1.0 - chance)


def gain_over_majority_of(confusion: np.ndarray) -> float:
    """Return the accuracy less that of always answering the most frequent class; NaN without examples."""
    total = confusion.sum()
    return float((np.trace(confusion) - confusion.sum(axis=1).max()) / total) if total else float("nan")


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(len(denominator)), where=denominator > 0)


def _matrices(confusion: np.ndarray) -> tfma_confusion.Matrices:
    """TFMA's own form, which its writers, loaders and views know; without the empty cells."""
    entries = {
        tfma_confusion.MatrixEntryKey(int(actual), int(guess)): float(confusion[actual, guess])
        for actual, guess in zip(*np.nonzero(confusion), strict=True)
    }
    return tfma_confusion.Matrices({0.0: entries})


def _per_class(
    name: str,
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    of_all = metric_types.MetricKey(
        name=name, model_name=model_name, output_name=output_name, example_weighted=example_weighted
    )
    specs = eval_config.model_specs if eval_config else ()
    is_baseline = any(spec.is_baseline and spec.name == model_name for spec in specs)

    def values_of(found: Outcomes) -> dict[metric_types.MetricKey, float]:
        # TFMA subtracts by index: where the lists of classes differ, it would compare different classes.
        if is_baseline and not found.same_classes:
            return {}
        values = scores_of(found.confusion)[name][: found.num_classes].tolist()
        return {
            of_all._replace(sub_key=metric_types.SubKey(class_id=index)): value
            for index, value in enumerate(values)
        }

    return derive(of_all, eval_config, values_of, [of_all])


def shared_accuracy_of(shared: np.ndarray) -> float:
    """Accuracy over the classes that every model knows; NaN without examples of one.

    Args:
        shared: float64 [2]: weights of their examples, and of the hits among these.
    """
    return float(shared[1] / shared[0]) if shared[0] else float("nan")


class Accuracy(metric_types.Metric):
    """Share of examples whose most probable class is theirs."""

    def __init__(self, name: str = ACCURACY):
        super().__init__(derived_metric(lambda found: accuracy_of(found.confusion)), name=name)


class ConfusionMatrix(metric_types.Metric):
    """Examples by actual and by most probable class, as TFMA's MultiClassConfusionMatrixAtThresholds."""

    def __init__(self, name: str = CONFUSION_MATRIX):
        super().__init__(derived_metric(lambda found: _matrices(found.confusion)), name=name)


class MacroF1(metric_types.Metric):
    """Unweighted mean over classes of the F1 of the most probable class."""

    def __init__(self, name: str = MACRO_F1):
        super().__init__(derived_metric(lambda found: macro_f1_of(found.confusion)), name=name)


class BalancedAccuracy(metric_types.Metric):
    """Unweighted mean over classes of the recall of the most probable class."""

    def __init__(self, name: str = BALANCED_ACCURACY):
        super().__init__(derived_metric(lambda found: balanced_accuracy_of(found.confusion)), name=name)


class AdjustedBalancedAccuracy(metric_types.Metric):
    """Balanced accuracy rescaled: 0 is any constant answer, 1 is no mistake."""

    def __init__(self, name: str = ADJUSTED_BALANCED_ACCURACY):
        super().__init__(
            derived_metric(lambda found: adjusted_balanced_accuracy_of(found.confusion)), name=name
        )


class GainOverMajority(metric_types.Metric):
    """Accuracy less that of always answering the most frequent class of the slice."""

    def __init__(self, name: str = GAIN_OVER_MAJORITY):
        super().__init__(derived_metric(lambda found: gain_over_majority_of(found.confusion)), name=name)


class PerClass(metric_types.Metric):
    """`precision`, `recall` or `f1` (the `name`) of each class that the model knows, by its index there."""

    def __init__(self, name: str):
        super().__init__(metric_util.merge_per_key_computations(_per_class), name=name)


class SharedAccuracy(metric_types.Metric):
    """Accuracy over the classes that every model of the evaluation knows.

    It compares models with different classes. Alone it must not be used as a figure of a model: classes that
    the other one lacks are left out.
    """

    def __init__(self, name: str = SHARED_ACCURACY):
        super().__init__(derived_metric(lambda found: shared_accuracy_of(found.shared)), name=name)


for _metric in (
    Accuracy,
    AdjustedBalancedAccuracy,
    BalancedAccuracy,
    ConfusionMatrix,
    GainOverMajority,
    MacroF1,
    PerClass,
    SharedAccuracy,
):
    metric_types.register_metric(_metric)

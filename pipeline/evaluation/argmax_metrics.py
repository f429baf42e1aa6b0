"""TFMA metrics of the predicted class, i.e. of the most probable one.

TFMA's own Precision, Recall and F1Score binarise each class at probability 0.5, so an image whose
best class has probability 0.4 counts as "no class". A classifier answers with its most probable
class; these metrics score that answer, derived from TFMA's multi-class confusion matrix.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.metrics import multi_class_confusion_matrix_metrics as confusion

PER_CLASS_METRICS = ("precision", "recall", "f1")
MACRO_F1 = "macro_f1"


def scores_of(counts: Mapping[tuple[int, int], float]) -> dict[str, dict[int, float]]:
    """Precision, recall and F1 of each class.

    Args:
        counts: Number of examples by (actual class, predicted class).

    Returns:
        metric -> class -> value in [0, 1]. A class that was neither actual nor predicted is left
        out; a ratio without a denominator is 0, as scikit-learn has it.
    """
    actual: dict[int, float] = {}
    predicted: dict[int, float] = {}
    hits: dict[int, float] = {}
    for (truth, guess), count in counts.items():
        actual[truth] = actual.get(truth, 0.0) + count
        predicted[guess] = predicted.get(guess, 0.0) + count
        if truth == guess:
            hits[truth] = hits.get(truth, 0.0) + count
    scores: dict[str, dict[int, float]] = {name: {} for name in PER_CLASS_METRICS}
    for index in sorted(set(actual) | set(predicted)):
        if index == confusion.NO_PREDICTED_CLASS_ID:
            continue
        hit = hits.get(index, 0.0)
        scores["precision"][index] = hit / predicted[index] if predicted.get(index) else 0.0
        scores["recall"][index] = hit / actual[index] if actual.get(index) else 0.0
        scores["f1"][index] = 2 * hit / (actual.get(index, 0.0) + predicted.get(index, 0.0))
    return scores


def macro_f1_of(counts: Mapping[tuple[int, int], float]) -> float:
    """Unweighted mean F1 over the classes that occur as actual ones; NaN without examples."""
    occurring = {truth for (truth, _), count in counts.items() if count}
    f1 = scores_of(counts)["f1"]
    return float(np.mean([f1[index] for index in sorted(occurring)])) if occurring else float("nan")


def _matrix(
    eval_config: tfma.EvalConfig | None, model_name: str, output_name: str, example_weighted: bool
) -> tuple[list[Any], metric_types.MetricKey]:
    computations = confusion.multi_class_confusion_matrices(
        thresholds=[0.0],
        eval_config=eval_config,
        model_name=model_name,
        output_name=output_name,
        example_weighted=example_weighted,
    )
    return computations, computations[-1].keys[-1]


def _macro_f1(
    name: str = MACRO_F1,
    eval_config: tfma.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    computations, matrix_key = _matrix(eval_config, model_name, output_name, example_weighted)
    key = metric_types.MetricKey(
        name=name, model_name=model_name, output_name=output_name, example_weighted=example_weighted
    )

    def result(metrics: Mapping[Any, Any]) -> dict[Any, float]:
        return {key: macro_f1_of(metrics[matrix_key][0.0])}

    return [*computations, metric_types.DerivedMetricComputation(keys=[key], result=result)]


def _per_class(
    name: str,
    num_classes: int,
    eval_config: tfma.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    computations, matrix_key = _matrix(eval_config, model_name, output_name, example_weighted)
    keys = {
        index: metric_types.MetricKey(
            name=name,
            model_name=model_name,
            output_name=output_name,
            example_weighted=example_weighted,
            sub_key=metric_types.SubKey(class_id=index),
        )
        for index in range(num_classes)
    }

    def result(metrics: Mapping[Any, Any]) -> dict[Any, float]:
        values = scores_of(metrics[matrix_key][0.0])[name]
        return {key: values.get(index, float("nan")) for index, key in keys.items()}

    return [*computations, metric_types.DerivedMetricComputation(keys=list(keys.values()), result=result)]


class MacroF1(metric_types.Metric):
    """Unweighted mean over classes of the F1 of the most probable class."""

    def __init__(self, name: str = MACRO_F1):
        super().__init__(metric_util.merge_per_key_computations(_macro_f1), name=name)


class PerClass(metric_types.Metric):
    """`precision`, `recall` or `f1` (the `name`) of each class, of the most probable class."""

    def __init__(self, name: str, num_classes: int):
        super().__init__(
            metric_util.merge_per_key_computations(_per_class), name=name, num_classes=num_classes
        )


metric_types.register_metric(MacroF1)
metric_types.register_metric(PerClass)

"""Reads what an Evaluator wrote into plain values. Imports TFMA, so call it where time allows."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

OVERALL = ""


@dataclasses.dataclass(frozen=True)
class SliceMetrics:
    """Metrics of one slice.

    Attributes:
        slice: `feature:value`; empty for all examples together.
        values: Metric -> number, such as accuracy or macro_f1, of the candidate.
        per_class: Metric -> class index -> number.
        confusion: Number of examples by (actual class index, predicted class index).
        baseline: Metric -> number of the baseline model; empty without one.
    """

    slice: str
    values: Mapping[str, float]
    per_class: Mapping[str, Mapping[int, float]]
    confusion: Mapping[tuple[int, int], float]
    baseline: Mapping[str, float]


def read_metrics(evaluation_uri: str) -> tuple[SliceMetrics, ...]:
    """Metrics of every slice, all examples together first."""
    result = tfma.load_eval_result(evaluation_uri, model_name=_candidate_name(evaluation_uri))
    baseline = _baseline_values(evaluation_uri)
    slices = [
        _slice_metrics(_slice_name(key), metrics, baseline.get(_slice_name(key), {}))
        for key, metrics in result.slicing_metrics
    ]
    return tuple(sorted(slices, key=lambda found: (found.slice != OVERALL, found.slice)))


def read_failures(evaluation_uri: str) -> tuple[str, ...]:
    """Why the model was not blessed, one sentence a threshold; empty where all were met."""
    validation = tfma.load_validation_result(evaluation_uri)
    reasons = []
    for per_slice in validation.metric_validations_per_slice:
        for failure in per_slice.failures:
            reasons.append(_explain(failure))
    if not validation.validation_ok and not reasons:
        reasons.append("the evaluation saw no example of a slice that has a threshold")
    return tuple(reasons)


@dataclasses.dataclass(frozen=True)
class Threshold:
    """What an Evaluator asks of one metric; a bound that is None is not asked for.

    Attributes:
        metric: Its name.
        lower: Least value.
        upper: Greatest value.
        change: Least change against the baseline; more is better.
    """

    metric: str
    lower: float | None
    upper: float | None
    change: float | None


def read_thresholds(evaluation_uri: str) -> tuple[Threshold, ...]:
    """Thresholds of an evaluation; empty where it only measured."""
    config = tfma.load_eval_result(evaluation_uri).config
    return tuple(
        _threshold(json.loads(metric.config)["name"], per_slice.threshold)
        for spec in config.metrics_specs
        for metric in spec.metrics
        for per_slice in metric.per_slice_thresholds
    )


def _threshold(metric: str, found: config_pb2.MetricThreshold) -> Threshold:
    value, change = found.value_threshold, found.change_threshold
    return Threshold(
        metric,
        value.lower_bound.value if value.HasField("lower_bound") else None,
        value.upper_bound.value if value.HasField("upper_bound") else None,
        change.absolute.value if change.HasField("absolute") else None,
    )


# What a figure below its bound says, where the name alone does not.
_MEANINGS = {
    "gain_over_majority": ": always answering the most frequent class does about as well or better",
    "adjusted_balanced_accuracy": ": on average over the classes hardly better than one constant answer",
}
_COMPARISONS = {"shared_accuracy": "accuracy on the classes that both models know"}
_NOT_DEFINED = ": it is not defined for these images, which are of one class only"


def _explain(failure: Any) -> str:
    name, value = failure.metric_key.name, failure.metric_value.double_value.value
    threshold = failure.metric_threshold
    bounds = threshold.value_threshold
    if failure.metric_key.is_diff:
        allowed = threshold.change_threshold.absolute.value
        name = _COMPARISONS.get(name, name)
        return f"{name} changed by {value:+.4f} against the model in use, allowed is {allowed:+.4f}"
    if bounds.HasField("lower_bound") and not value >= bounds.lower_bound.value:
        meaning = _MEANINGS.get(name, "") if value == value else _NOT_DEFINED
        return f"{name} is {value:.4f}, required is at least {bounds.lower_bound.value:.4f}{meaning}"
    return f"{name} is {value:.4f}, allowed is at most {bounds.upper_bound.value:.4f}"


def _candidate_name(evaluation_uri: str) -> str:
    specs = tfma.load_eval_result(evaluation_uri).config.model_specs
    return next(spec.name for spec in specs if not spec.is_baseline)


def _baseline_values(evaluation_uri: str) -> dict[str, dict[str, float]]:
    config = tfma.load_eval_result(evaluation_uri).config
    name = next((spec.name for spec in config.model_specs if spec.is_baseline), None)
    if name is None:
        return {}
    result = tfma.load_eval_result(evaluation_uri, model_name=name)
    return {
        _slice_name(key): dict(_slice_metrics(_slice_name(key), metrics, {}).values)
        for key, metrics in result.slicing_metrics
    }


def _slice_name(key: tuple[tuple[str, Any], ...]) -> str:
    def text(value: Any) -> str:
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

    return ",".join(f"{feature}:{text(value)}" for feature, value in key)


def _slice_metrics(name: str, metrics: Any, baseline: Mapping[str, float]) -> SliceMetrics:
    values: dict[str, float] = {}
    per_class: dict[str, dict[int, float]] = {}
    confusion: dict[tuple[int, int], float] = {}
    for sub_key, named in metrics.get("", {}).items():
        for metric, value in named.items():
            if metric.endswith("_diff"):
                continue
            if "multiClassConfusionMatrixAtThresholds" in value:
                for matrix in value["multiClassConfusionMatrixAtThresholds"]["matrices"]:
                    confusion.update(_entries(matrix))
            elif "doubleValue" in value and "classId:" in sub_key:
                index = int(sub_key.split("classId:")[1])
                per_class.setdefault(metric, {})[index] = float(value["doubleValue"])
            elif "doubleValue" in value:
                values[metric] = float(value["doubleValue"])
    return SliceMetrics(name, values, per_class, confusion, baseline)


def _entries(matrix: Mapping[str, Any]) -> dict[tuple[int, int], float]:
    """Entries of one matrix as JSON has them: protobuf leaves zeros out."""
    return {
        (int(entry.get("actualClassId", 0)), int(entry.get("predictedClassId", 0))): float(
            entry["numWeightedExamples"]
        )
        for entry in matrix.get("entries", [])
    }

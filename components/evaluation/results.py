"""The results of an Evaluator as plain values. Importing this module imports TFMA, which takes seconds."""

import dataclasses
import functools
import json
from collections.abc import Mapping
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.writers import eval_config_writer

OVERALL = ""


@dataclasses.dataclass(frozen=True)
class SliceMetrics:
    """Metrics of one slice.

    Attributes:
        slice: `feature:value`; empty for all examples together.
        values: Metric -> number of the candidate, such as accuracy or macro_f1.
        per_class: Metric -> index of the class -> number.
        confusion: Number of examples by (index of the actual class, index of the predicted class).
        baseline: Metric -> number of the baseline model; empty without a baseline.
    """

    slice: str
    values: Mapping[str, float]
    per_class: Mapping[str, Mapping[int, float]]
    confusion: Mapping[tuple[int, int], float]
    baseline: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Threshold:
    """The bounds of an Evaluator on one metric; a bound that is None does not apply.

    Attributes:
        metric: Name of the metric.
        lower: Least value.
        upper: Greatest value.
        change: Least change from the baseline; more is better.
    """

    metric: str
    lower: float | None
    upper: float | None
    change: float | None


class EvaluationResult:
    """A ModelEvaluation artifact. Each of its files is read at most once, when it is first needed."""

    def __init__(self, evaluation_uri: str):
        self._uri = evaluation_uri

    @functools.cached_property
    def slices(self) -> tuple[SliceMetrics, ...]:
        """Metrics of every slice; all examples together come first."""
        candidate = next(spec.name for spec in self._config.model_specs if not spec.is_baseline)
        baseline = next((spec.name for spec in self._config.model_specs if spec.is_baseline), None)
        slices = (_slice_metrics(found, candidate, baseline) for found in tfma.load_metrics(self._uri))
        return tuple(sorted(slices, key=lambda found: (found.slice != OVERALL, found.slice)))

    @functools.cached_property
    def failures(self) -> tuple[str, ...]:
        """One sentence per missed threshold; empty if the model met all of them."""
        validation = tfma.load_validation_result(self._uri)
        reasons = [
            _explain(failure)
            for per_slice in validation.metric_validations_per_slice
            for failure in per_slice.failures
        ]
        if not validation.validation_ok and not reasons:
            reasons.append("a slice that has a threshold has no example")
        return tuple(reasons)

    @functools.cached_property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The thresholds; empty for an evaluation that only measures."""
        return tuple(
            _threshold(json.loads(metric.config)["name"], per_slice.threshold)
            for spec in self._config.metrics_specs
            for metric in spec.metrics
            for per_slice in metric.per_slice_thresholds
        )

    @functools.cached_property
    def baseline_dir(self) -> str:
        """Directory of the baseline's SavedModel, as the Evaluator opened it; empty without a baseline."""
        baseline = next((spec.name for spec in self._config.model_specs if spec.is_baseline), None)
        return "" if baseline is None else self._run[1][baseline]

    @functools.cached_property
    def _config(self) -> config_pb2.EvalConfig:
        return self._run[0]

    @functools.cached_property
    def _run(self) -> tuple[config_pb2.EvalConfig, Mapping[str, str]]:
        """The configuration of the Evaluator, and the directory of each model by its name."""
        config, _, _, model_dirs = eval_config_writer.load_eval_run(self._uri)
        return config, model_dirs


def _threshold(metric: str, found: config_pb2.MetricThreshold) -> Threshold:
    value, change = found.value_threshold, found.change_threshold
    return Threshold(
        metric,
        value.lower_bound.value if value.HasField("lower_bound") else None,
        value.upper_bound.value if value.HasField("upper_bound") else None,
        change.absolute.value if change.HasField("absolute") else None,
    )


# Explanations of metrics whose name says too little.
_MEANINGS = {
    "gain_over_majority": ": always answering the most frequent class would be about as accurate or more",
    "adjusted_balanced_accuracy": ": averaged over the classes, the model is barely better than a constant "
    "answer",
}
_COMPARISONS = {"shared_accuracy": "accuracy on the classes that both models know"}
_NOT_DEFINED = ": it is not defined because all images have the same class"


def _explain(failure: Any) -> str:
    name, value = failure.metric_key.name, failure.metric_value.double_value.value
    threshold = failure.metric_threshold
    bounds = threshold.value_threshold
    if failure.metric_key.is_diff:
        allowed = threshold.change_threshold.absolute.value
        name = _COMPARISONS.get(name, name)
        return f"{name} changed by {value:+.4f} from the model in use; the limit is {allowed:+.4f}"
    if bounds.HasField("lower_bound") and not value >= bounds.lower_bound.value:
        meaning = _MEANINGS.get(name, "") if value == value else _NOT_DEFINED
        return f"{name} is {value:.4f}; the minimum is {bounds.lower_bound.value:.4f}{meaning}"
    return f"{name} is {value:.4f}; the maximum is {bounds.upper_bound.value:.4f}"


def _slice_metrics(found: Any, candidate: str, baseline: str | None) -> SliceMetrics:
    """Sort the values of a `MetricsForSlice` by model; those of no model, such as the count, go to both."""
    values: dict[str, dict[str, float]] = {candidate: {}, baseline or "": {}, "": {}}
    per_class: dict[str, dict[int, float]] = {}
    confusion: dict[tuple[int, int], float] = {}
    for entry in found.metric_keys_and_values:
        key, kind = entry.key, entry.value.WhichOneof("type")
        if key.is_diff:
            continue
        is_candidate = key.model_name in (candidate, "")
        if kind == "double_value" and key.sub_key.HasField("class_id"):
            if is_candidate:
                of_classes = per_class.setdefault(key.name, {})
                of_classes[key.sub_key.class_id.value] = entry.value.double_value.value
        elif kind == "double_value":
            values.setdefault(key.model_name, {})[key.name] = entry.value.double_value.value
        elif kind == "multi_class_confusion_matrix_at_thresholds" and is_candidate:
            for matrix in entry.value.multi_class_confusion_matrix_at_thresholds.matrices:
                for cell in matrix.entries:
                    position = (cell.actual_class_id, cell.predicted_class_id)
                    confusion[position] = cell.num_weighted_examples
    shared = values[""]
    return SliceMetrics(
        _slice_name(found.slice_key),
        shared | values[candidate],
        per_class,
        confusion,
        shared | values[baseline] if baseline is not None else {},
    )


def _slice_name(key: Any) -> str:
    def text(part: Any) -> str:
        value = getattr(part, part.WhichOneof("kind"))
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

    return ",".join(f"{part.column}:{text(part)}" for part in key.single_slice_keys)

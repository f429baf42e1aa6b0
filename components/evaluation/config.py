"""Configuration of the Evaluator: thresholds, names of metrics, and EvalConfigs of both Evaluator nodes.

TFMA is imported by the functions that need it, as its import takes seconds.
"""

import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tfx_contrastive.contract.examples import BRIGHTNESS_BAND, LABEL, NEAR_COPY
from tfx_contrastive.contract.frozen import Frozen
from tfx_contrastive.contract.signatures import PROBABILITIES, SERVING_DEFAULT

if TYPE_CHECKING:
    from tensorflow_model_analysis.proto import config_pb2

# Classes on which a candidate is compared with a model in use that has other classes (docs/gates.md).
ComparedClasses = Literal["shared", "all"]

ACCURACY = "accuracy"
CONFUSION_MATRIX = "confusion_matrix"
MACRO_F1 = "macro_f1"
BALANCED_ACCURACY = "balanced_accuracy"
ADJUSTED_BALANCED_ACCURACY = "adjusted_balanced_accuracy"
GAIN_OVER_MAJORITY = "gain_over_majority"
SHARED_ACCURACY = "shared_accuracy"
ROC_AUC = "roc_auc"
EXPECTED_CALIBRATION_ERROR = "expected_calibration_error"
PER_CLASS_METRICS = ("precision", "recall", "f1")

_METRICS_MODULE = f"{__package__}.metrics"
_COMPARED_BY = {"shared": SHARED_ACCURACY, "all": ACCURACY}
SLICE_FEATURES = (LABEL, BRIGHTNESS_BAND, NEAR_COPY)


class EvaluationConfig(Frozen):
    """Thresholds of the Evaluator on the `eval` split; a model that misses one is not blessed."""

    min_accuracy: float | None = Field(0.5, ge=0, le=1)
    min_gain_over_majority: float | None = Field(
        0.0,
        ge=-1,
        le=1,
        description="accuracy minus that of always answering the most frequent class of `eval`",
    )
    min_adjusted_balanced_accuracy: float | None = Field(
        0.1,
        ge=-1,
        le=1,
        description="mean recall of the classes, rescaled: 0 for any constant answer, 1 for no mistake",
    )
    min_macro_f1: float | None = Field(None, ge=0, le=1)
    max_expected_calibration_error: float | None = Field(None, ge=0, le=1)
    max_accuracy_drop: float | None = Field(
        0.01, ge=0, le=1, description="greatest loss of accuracy from the model in use to the candidate"
    )


def gate_config(evaluation: EvaluationConfig, compare: ComparedClasses) -> "config_pb2.EvalConfig":
    """Return the configuration of the Evaluator that blesses: metrics, slices, thresholds and a baseline.

    Thresholds apply to all of `eval` together and not to slices, because a class with few images could miss
    a threshold by chance.

    Args:
        evaluation: Thresholds.
        compare: Classes on which the accuracies of the candidate and the model in use are compared.
    """
    from tensorflow_model_analysis.proto import config_pb2

    config = report_config()
    config.metrics_specs[0].metrics.append(_metric("SharedAccuracy", SHARED_ACCURACY))
    config.model_specs.add(
        name="baseline",
        is_baseline=True,
        signature_name=SERVING_DEFAULT,
        label_key=LABEL,
        prediction_key=PROBABILITIES,
    )
    thresholds = _thresholds(evaluation, _COMPARED_BY[compare])
    everything = [config_pb2.SlicingSpec()]
    for metric in (metric for spec in config.metrics_specs for metric in spec.metrics):
        threshold = thresholds.get(json.loads(metric.config)["name"])
        if threshold is not None:
            metric.per_slice_thresholds.add(slicing_specs=everything, threshold=threshold)
    return config


def report_config() -> "config_pb2.EvalConfig":
    """Return the configuration of the Evaluator that only measures: the same metrics and slices."""
    from tensorflow_model_analysis.proto import config_pb2

    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                name="candidate",
                signature_name=SERVING_DEFAULT,
                label_key=LABEL,
                prediction_key=PROBABILITIES,
            )
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=[feature]) for feature in SLICE_FEATURES),
        ],
        metrics_specs=_metrics_specs(),
    )


def _thresholds(evaluation: EvaluationConfig, compared_by: str) -> "dict[str, config_pb2.MetricThreshold]":
    from tensorflow_model_analysis.proto import config_pb2

    thresholds: dict[str, Any] = {}
    least_values = {
        ACCURACY: evaluation.min_accuracy,
        MACRO_F1: evaluation.min_macro_f1,
        GAIN_OVER_MAJORITY: evaluation.min_gain_over_majority,
        ADJUSTED_BALANCED_ACCURACY: evaluation.min_adjusted_balanced_accuracy,
    }
    for name, least in least_values.items():
        if least is not None:
            thresholds[name] = config_pb2.MetricThreshold()
            thresholds[name].value_threshold.lower_bound.value = least
    if evaluation.max_accuracy_drop is not None:
        change = thresholds.setdefault(compared_by, config_pb2.MetricThreshold()).change_threshold
        change.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
        change.absolute.value = -evaluation.max_accuracy_drop
    if evaluation.max_expected_calibration_error is not None:
        error = config_pb2.MetricThreshold()
        error.value_threshold.upper_bound.value = evaluation.max_expected_calibration_error
        thresholds[EXPECTED_CALIBRATION_ERROR] = error
    return thresholds


def _metrics_specs() -> "list[config_pb2.MetricsSpec]":
    from tensorflow_model_analysis.proto import config_pb2

    found = [
        config_pb2.MetricConfig(class_name="ExampleCount", config=json.dumps({"name": "example_count"})),
        _metric("Accuracy", ACCURACY),
        _metric("MacroF1", MACRO_F1),
        _metric("BalancedAccuracy", BALANCED_ACCURACY),
        _metric("AdjustedBalancedAccuracy", ADJUSTED_BALANCED_ACCURACY),
        _metric("GainOverMajority", GAIN_OVER_MAJORITY),
        _metric("MacroRocAuc", ROC_AUC),
        _metric("ExpectedCalibrationError", EXPECTED_CALIBRATION_ERROR),
        _metric("ConfusionMatrix", CONFUSION_MATRIX),
    ]
    found += [_metric("PerClass", name) for name in PER_CLASS_METRICS]
    return [config_pb2.MetricsSpec(metrics=found)]


def _metric(class_name: str, name: str) -> "config_pb2.MetricConfig":
    from tensorflow_model_analysis.proto import config_pb2

    return config_pb2.MetricConfig(
        class_name=class_name, module=_METRICS_MODULE, config=json.dumps({"name": name})
    )

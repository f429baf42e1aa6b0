"""The TFMA configurations of the two Evaluator nodes."""

import json

from tensorflow_model_analysis.proto import config_pb2

from tfx_contrastive.contract.examples import BRIGHTNESS_BAND, LABEL, NEAR_COPY
from tfx_contrastive.contract.signatures import PROBABILITIES, SERVING_DEFAULT

from . import metrics
from .config import ComparedClasses, EvaluationConfig

_COMPARED_BY = {"shared": metrics.SHARED_ACCURACY, "all": metrics.ACCURACY}
SLICE_FEATURES = (LABEL, BRIGHTNESS_BAND, NEAR_COPY)


def gate_config(evaluation: EvaluationConfig, compare: ComparedClasses) -> config_pb2.EvalConfig:
    """Return the configuration of the Evaluator that blesses: metrics, slices, thresholds and a baseline.

    Thresholds apply to all of `eval` together and not to slices, because a class with few images could miss
    a threshold by chance.

    Args:
        evaluation: Thresholds.
        compare: Classes on which the accuracies of the candidate and the model in use are compared.
    """
    config = report_config()
    config.metrics_specs[0].metrics.append(_metric("SharedAccuracy", metrics.SHARED_ACCURACY))
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


def report_config() -> config_pb2.EvalConfig:
    """Return the configuration of the Evaluator that only measures: the same metrics and slices."""
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


def _thresholds(evaluation: EvaluationConfig, compared_by: str) -> dict[str, config_pb2.MetricThreshold]:
    thresholds: dict[str, config_pb2.MetricThreshold] = {}
    least_values = {
        metrics.ACCURACY: evaluation.min_accuracy,
        metrics.MACRO_F1: evaluation.min_macro_f1,
        metrics.GAIN_OVER_MAJORITY: evaluation.min_gain_over_majority,
        metrics.ADJUSTED_BALANCED_ACCURACY: evaluation.min_adjusted_balanced_accuracy,
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
        thresholds[metrics.EXPECTED_CALIBRATION_ERROR] = error
    return thresholds


def _metrics_specs() -> list[config_pb2.MetricsSpec]:
    found = [
        config_pb2.MetricConfig(class_name="ExampleCount", config=json.dumps({"name": "example_count"})),
        _metric("Accuracy", metrics.ACCURACY),
        _metric("MacroF1", metrics.MACRO_F1),
        _metric("BalancedAccuracy", metrics.BALANCED_ACCURACY),
        _metric("AdjustedBalancedAccuracy", metrics.ADJUSTED_BALANCED_ACCURACY),
        _metric("GainOverMajority", metrics.GAIN_OVER_MAJORITY),
        _metric("MacroRocAuc", metrics.ROC_AUC),
        _metric("ExpectedCalibrationError", metrics.EXPECTED_CALIBRATION_ERROR),
        _metric("ConfusionMatrix", metrics.CONFUSION_MATRIX),
    ]
    found += [_metric("PerClass", name) for name in metrics.PER_CLASS_METRICS]
    return [config_pb2.MetricsSpec(metrics=found)]


def _metric(class_name: str, name: str) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name=class_name, module=metrics.__name__, config=json.dumps({"name": name})
    )

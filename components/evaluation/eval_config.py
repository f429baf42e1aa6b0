"""Builds the TFMA configuration of the two Evaluator nodes."""

import json

from tensorflow_model_analysis.proto import config_pb2

from tfx_contrastive.contract.examples import BRIGHTNESS_BAND, LABEL, NEAR_COPY
from tfx_contrastive.contract.signatures import PROBABILITIES, SERVING_DEFAULT

from . import calibration, ranking
from . import metrics as argmax_metrics
from .config import ComparedClasses, EvaluationConfig

_COMPARED_BY = {"shared": argmax_metrics.SHARED_ACCURACY, "all": argmax_metrics.ACCURACY}
SLICE_FEATURES = (LABEL, BRIGHTNESS_BAND, NEAR_COPY)


def gate_config(evaluation: EvaluationConfig, compare: ComparedClasses) -> config_pb2.EvalConfig:
    """Configuration of the Evaluator that blesses: metrics, slices, thresholds, a baseline model.

    Thresholds hold for all of `eval` together, never for a slice: a class with few images would
    refuse a good model by chance.

    Args:
        evaluation: Thresholds.
        compare: Over which classes the candidate's accuracy is compared with that of the model in use.
    """
    config = report_config()
    config.metrics_specs[0].metrics.append(
        _own(argmax_metrics, "SharedAccuracy", name=argmax_metrics.SHARED_ACCURACY)
    )
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
    """The same metrics and slices without thresholds or baseline: measures, blesses nothing."""
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
        argmax_metrics.ACCURACY: evaluation.min_accuracy,
        argmax_metrics.MACRO_F1: evaluation.min_macro_f1,
        argmax_metrics.GAIN_OVER_MAJORITY: evaluation.min_gain_over_majority,
        argmax_metrics.ADJUSTED_BALANCED_ACCURACY: evaluation.min_adjusted_balanced_accuracy,
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
        thresholds[calibration.NAME] = error
    return thresholds


def _metrics_specs() -> list[config_pb2.MetricsSpec]:
    metrics = [
        config_pb2.MetricConfig(class_name="ExampleCount", config=json.dumps({"name": "example_count"})),
        _own(argmax_metrics, "Accuracy", name=argmax_metrics.ACCURACY),
        _own(argmax_metrics, "MacroF1", name=argmax_metrics.MACRO_F1),
        _own(argmax_metrics, "BalancedAccuracy", name=argmax_metrics.BALANCED_ACCURACY),
        _own(argmax_metrics, "AdjustedBalancedAccuracy", name=argmax_metrics.ADJUSTED_BALANCED_ACCURACY),
        _own(argmax_metrics, "GainOverMajority", name=argmax_metrics.GAIN_OVER_MAJORITY),
        _own(ranking, "MacroRocAuc", name=ranking.NAME),
        _own(calibration, "ExpectedCalibrationError", name=calibration.NAME),
        _own(argmax_metrics, "ConfusionMatrix", name=argmax_metrics.CONFUSION_MATRIX),
    ]
    metrics += [_own(argmax_metrics, "PerClass", name=name) for name in argmax_metrics.PER_CLASS_METRICS]
    return [config_pb2.MetricsSpec(metrics=metrics)]


def _own(module: object, class_name: str, **config: object) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name=class_name,
        module=module.__name__,  # type: ignore[attr-defined]
        config=json.dumps(config),
    )

"""Records of TFMA, written by hand, are read as plain values."""

import json
import pathlib
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from tfx_contrastive.components.evaluation import results
from tfx_contrastive.components.evaluation.config import EvaluationConfig, gate_config, report_config


def record(slice_key: tuple[str, bytes] | None, *values: tuple[str, str, float, int | None]) -> Any:
    """A record of a slice; a value is (model, metric, number, index of the class)."""
    made = metrics_for_slice_pb2.MetricsForSlice()
    if slice_key is not None:
        made.slice_key.single_slice_keys.add(column=slice_key[0], bytes_value=slice_key[1])
    for model, name, number, class_id in values:
        entry = made.metric_keys_and_values.add()
        entry.key.model_name, entry.key.name = model, name
        entry.value.double_value.value = number
        if class_id is not None:
            entry.key.sub_key.class_id.value = class_id
    return made


def failure(name: str, value: float, **bounds: float) -> Any:
    """A missed threshold: `lower`, `upper` or `change`."""
    made = validation_result_pb2.ValidationFailure()
    made.metric_key.name = name
    made.metric_value.double_value.value = value
    threshold = made.metric_threshold
    if "lower" in bounds:
        threshold.value_threshold.lower_bound.value = bounds["lower"]
    if "upper" in bounds:
        threshold.value_threshold.upper_bound.value = bounds["upper"]
    if "change" in bounds:
        made.metric_key.is_diff = True
        threshold.change_threshold.absolute.value = bounds["change"]
    return made


def test_values_go_to_their_model_and_those_of_no_model_to_both() -> None:
    made = record(
        None,
        ("", "example_count", 7, None),
        ("candidate", "accuracy", 0.75, None),
        ("baseline", "accuracy", 0.5, None),
        ("candidate", "recall", 0.25, 1),
        ("baseline", "recall", 0.125, 1),
    )
    found = results._slice_metrics(made, "candidate", "baseline")
    assert found.slice == results.OVERALL
    assert found.values == {"example_count": 7, "accuracy": 0.75}
    assert found.baseline == {"example_count": 7, "accuracy": 0.5}
    assert found.per_class == {"recall": {1: 0.25}}


def test_without_a_baseline_there_are_no_values_of_one() -> None:
    found = results._slice_metrics(record(("label", b"bag"), ("", "accuracy", 0.75, None)), "candidate", None)
    assert (found.slice, found.values, found.baseline) == ("label:bag", {"accuracy": 0.75}, {})


def test_differences_are_left_out() -> None:
    made = record(None, ("candidate", "accuracy", 0.75, None), ("candidate", "accuracy", -0.25, None))
    made.metric_keys_and_values[1].key.is_diff = True
    assert results._slice_metrics(made, "candidate", "baseline").values == {"accuracy": 0.75}


def test_a_confusion_matrix_is_that_of_the_candidate() -> None:
    made = metrics_for_slice_pb2.MetricsForSlice()
    for model, count in (("candidate", 3.0), ("baseline", 5.0)):
        entry = made.metric_keys_and_values.add()
        entry.key.model_name, entry.key.name = model, "confusion_matrix"
        matrix = entry.value.multi_class_confusion_matrix_at_thresholds.matrices.add()
        matrix.entries.add(actual_class_id=0, predicted_class_id=1, num_weighted_examples=count)
    assert results._slice_metrics(made, "candidate", "baseline").confusion == {(0, 1): 3.0}


def test_the_name_of_a_slice_takes_every_kind_of_value() -> None:
    key = metrics_for_slice_pb2.SliceKey()
    key.single_slice_keys.add(column="label", bytes_value="café".encode())
    key.single_slice_keys.add(column="broken", bytes_value=b"\xff")
    key.single_slice_keys.add(column="number", int64_value=3)
    assert results._slice_name(key) == "label:café,broken:\N{REPLACEMENT CHARACTER},number:3"


@pytest.mark.parametrize(
    ("missed", "told"),
    [
        (failure("accuracy", 0.4, lower=0.5), "accuracy is 0.4000; the minimum is 0.5000"),
        (
            failure("gain_over_majority", -0.01, lower=0.0),
            "gain_over_majority is -0.0100; the minimum is 0.0000: always answering the most frequent class "
            "would be about as accurate or more",
        ),
        (
            failure("adjusted_balanced_accuracy", float("nan"), lower=0.1),
            "adjusted_balanced_accuracy is nan; the minimum is 0.1000: it is not defined because all images "
            "have the same class",
        ),
        (
            failure("expected_calibration_error", 0.2, upper=0.1),
            "expected_calibration_error is 0.2000; the maximum is 0.1000",
        ),
        (failure("accuracy", 0.9, lower=0.5, upper=0.8), "accuracy is 0.9000; the maximum is 0.8000"),
        (
            failure("shared_accuracy", -0.05, change=-0.01),
            "accuracy on the classes that both models know changed by -0.0500 from the model in use; the "
            "limit is -0.0100",
        ),
    ],
)
def test_a_missed_threshold_is_a_sentence(missed: Any, told: str) -> None:
    assert results._explain(missed) == told


@pytest.mark.parametrize(
    ("validation_ok", "failures", "expected"),
    [
        (True, (), ()),
        (False, (), ("a slice that has a threshold has no example",)),
        (False, (failure("accuracy", 0.4, lower=0.5),), ("accuracy is 0.4000; the minimum is 0.5000",)),
    ],
)
def test_failures_are_read_from_the_validation(
    tmp_path: pathlib.Path, validation_ok: bool, failures: tuple[Any, ...], expected: tuple[str, ...]
) -> None:
    validation = validation_result_pb2.ValidationResult(validation_ok=validation_ok)
    if failures:
        validation.metric_validations_per_slice.add(failures=failures)
    with tf.io.TFRecordWriter(str(tmp_path / "validations.tfrecord")) as writer:
        writer.write(validation.SerializeToString())
    assert results.EvaluationResult(str(tmp_path)).failures == expected


def names(config: Any) -> list[str]:
    return [metric.class_name for spec in config.metrics_specs for metric in spec.metrics]


def test_both_evaluators_measure_the_same_and_only_the_gate_compares() -> None:
    report, gate = report_config(), gate_config(EvaluationConfig(), "shared")
    assert names(gate) == [*names(report), "SharedAccuracy"]
    assert [spec.name for spec in report.model_specs] == ["candidate"]
    assert [(spec.name, spec.is_baseline) for spec in gate.model_specs] == [
        ("candidate", False),
        ("baseline", True),
    ]
    assert not any(metric.per_slice_thresholds for metric in report.metrics_specs[0].metrics)
    assert [list(spec.feature_keys) for spec in gate.slicing_specs] == [
        [],
        ["label"],
        ["brightness_band"],
        ["near_copy"],
    ]


def test_thresholds_are_those_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    config = gate_config(EvaluationConfig(min_macro_f1=0.25, max_expected_calibration_error=0.125), "all")
    result = results.EvaluationResult("unread")
    monkeypatch.setitem(result.__dict__, "_config", config)
    assert {found.metric: (found.lower, found.upper, found.change) for found in result.thresholds} == {
        "accuracy": (0.5, None, -0.01),
        "macro_f1": (0.25, None, None),
        "gain_over_majority": (0.0, None, None),
        "adjusted_balanced_accuracy": (0.1, None, None),
        "expected_calibration_error": (None, 0.125, None),
    }


def test_a_configuration_without_thresholds_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = EvaluationConfig(
        min_accuracy=None,
        min_gain_over_majority=None,
        min_adjusted_balanced_accuracy=None,
        max_accuracy_drop=None,
    )
    result = results.EvaluationResult("unread")
    monkeypatch.setitem(result.__dict__, "_config", gate_config(nothing, "shared"))
    assert result.thresholds == ()


@pytest.mark.parametrize(
    ("specs", "locations", "expected"),
    [
        (
            [{"name": "candidate"}, {"name": "baseline", "isBaseline": True}],
            {"candidate": "/model/9", "baseline": "/baseline_model/13"},
            "/baseline_model/13",
        ),
        ([{"name": "candidate"}], {"": "/model/9"}, ""),  # TFMA names a single model by an empty text
    ],
)
def test_the_place_of_the_baseline_is_that_which_the_evaluator_opened(
    tmp_path: pathlib.Path, specs: Any, locations: Any, expected: str
) -> None:
    written = {"evalConfig": {"modelSpecs": specs}, "modelLocations": locations, "version": "1"}
    (tmp_path / "eval_config.json").write_text(json.dumps(written))
    assert results.EvaluationResult(str(tmp_path)).baseline_dir == expected

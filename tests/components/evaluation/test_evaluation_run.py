"""TFMA evaluates a real SavedModel with our configuration; its metrics equal those of scikit-learn."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from sklearn import metrics

from tfx_contrastive.components.evaluation.config import EvaluationConfig, gate_config
from tfx_contrastive.components.evaluation.results import OVERALL, EvaluationResult

CLASSES = ("ankle boot", "bag", "T-shirt/top")


def save_model(directory: str, temperature: Any, names: Any = CLASSES) -> Any:
    """A classifier whose logits are the first values of the float feature `scores`."""

    class Scorer(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples: Any) -> Any:
            parsed = tf.io.parse_example(examples, {"scores": tf.io.FixedLenFeature([3], tf.float32)})
            probabilities = tf.nn.softmax(parsed["scores"][:, : len(names)] / temperature)
            classes = tf.constant(names)
            return {
                "probabilities": probabilities,
                "label": tf.gather(classes, tf.argmax(probabilities, axis=1)),
                "all_classes": tf.tile(classes[None], [tf.shape(probabilities)[0], 1]),
            }

    module = Scorer()
    tf.saved_model.save(module, directory, signatures={"serving_default": module.serve})
    return directory


def example_of(scores: Any, label: Any, band: Any, names: Any = CLASSES) -> Any:
    feature = {
        "scores": tf.train.Feature(float_list=tf.train.FloatList(value=scores)),
        "label": tf.train.Feature(bytes_list=tf.train.BytesList(value=[names[label].encode()])),
        "brightness_band": tf.train.Feature(bytes_list=tf.train.BytesList(value=[band])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def evaluate(folder: pathlib.Path, examples: Any, config: Any, classes: Any = None) -> Any:
    """Run TFMA on serialized examples with one model per spec; return the directory of its result.

    `classes` has the classes of a model by the name of its spec; those of the file where it says nothing.
    """
    data, output = str(folder / "examples.tfrecord"), str(folder / "output")
    with tf.io.TFRecordWriter(data) as writer:
        for example in examples:
            writer.write(example)
    config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=True)
    models = [
        tfma.default_eval_shared_model(
            save_model(str(folder / spec.name), 1.0, (classes or {}).get(spec.name, CLASSES)),
            model_name=spec.name,
            eval_config=config,
        )
        for spec in config.model_specs
    ]
    tfma.run_model_analysis(models, eval_config=config, data_location=data, output_path=output)
    return output


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Any:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(120, 3))
    labels = np.where(rng.random(120) < 0.7, scores.argmax(1), rng.integers(0, 3, 120))
    bands = np.where(rng.random(120) < 0.5, b"dark", b"bright")
    config = gate_config(
        EvaluationConfig(min_accuracy=0.99, min_macro_f1=0.1, max_expected_calibration_error=0.9), "shared"
    )
    examples = [example_of(*row) for row in zip(scores, labels, bands, strict=True)]
    output = evaluate(tmp_path_factory.mktemp("evaluation"), examples, config)
    return scores, labels, bands, output


def test_overall_figures_equal_scikit_learn(evaluated: Any) -> None:
    scores, labels, _, output = evaluated
    overall = EvaluationResult(output).slices[0]
    assert overall.slice == OVERALL
    guesses = scores.argmax(1)
    assert overall.values["example_count"] == 120
    assert overall.values["accuracy"] == pytest.approx(metrics.accuracy_score(labels, guesses))
    assert overall.values["macro_f1"] == pytest.approx(metrics.f1_score(labels, guesses, average="macro"))
    adjusted = metrics.balanced_accuracy_score(labels, guesses, adjusted=True)
    assert overall.values["adjusted_balanced_accuracy"] == pytest.approx(adjusted)
    majority = np.bincount(labels).max() / 120
    assert overall.values["gain_over_majority"] == pytest.approx(
        metrics.accuracy_score(labels, guesses) - majority
    )
    recall = metrics.recall_score(labels, guesses, average=None)
    np.testing.assert_allclose([overall.per_class["recall"][i] for i in range(3)], recall)
    matrix = metrics.confusion_matrix(labels, guesses)
    assert overall.confusion == {(i, j): matrix[i, j] for i in range(3) for j in range(3) if matrix[i, j]}


def test_slices_are_classes_and_brightness(evaluated: Any) -> None:
    scores, labels, bands, output = evaluated
    slices = {found.slice: found.values for found in EvaluationResult(output).slices}
    assert set(slices) == {
        "",
        *(f"label:{name}" for name in CLASSES),
        "brightness_band:dark",
        "brightness_band:bright",
    }
    dark = bands == b"dark"
    accuracy = metrics.accuracy_score(labels[dark], scores[dark].argmax(1))
    assert slices["brightness_band:dark"]["accuracy"] == pytest.approx(accuracy)


def test_roc_auc_and_the_baseline_are_there(evaluated: Any) -> None:
    scores, labels, _, output = evaluated
    overall = EvaluationResult(output).slices[0]
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    expected = metrics.roc_auc_score(labels, probabilities, multi_class="ovr")
    assert overall.values["roc_auc"] == pytest.approx(expected, abs=1e-3)
    assert overall.baseline["accuracy"] == overall.values["accuracy"]


def test_only_the_missed_threshold_is_named(evaluated: Any) -> None:
    scores, labels, _, output = evaluated
    accuracy = metrics.accuracy_score(labels, scores.argmax(1))
    assert EvaluationResult(output).failures == (f"accuracy is {accuracy:.4f}; the minimum is 0.9900",)


def test_always_the_most_frequent_class_is_refused_with_the_reason(tmp_path: pathlib.Path) -> None:
    # 38 of class 0, 2 of class 1; the model always answers 0
    examples = [example_of([9.0, 0.0, 0.0], int(position >= 38), b"dark") for position in range(40)]
    output = evaluate(tmp_path, examples, gate_config(EvaluationConfig(), "shared"))
    assert EvaluationResult(output).slices[0].values["accuracy"] == pytest.approx(0.95)
    assert EvaluationResult(output).failures == (
        "adjusted_balanced_accuracy is 0.0000; the minimum is 0.1000: averaged over the classes, the model "
        "is barely better than a constant answer",
    )


NEW_CLASSES = ("bag", "disc", "T-shirt/top")
FORMER_CLASSES = ("ankle boot", "bag")  # one of these is gone, two of the others are new


def compared(tmp_path: pathlib.Path, compare: Any) -> Any:
    """Seven images; each model answers with the class of its greatest score, among its own classes.

    | label | candidate says | right | model in use says | right |
    |---|---|---|---|---|
    | bag | bag | yes | ankle boot | no |
    | bag | disc | no | bag | yes |
    | T-shirt/top | T-shirt/top | yes | ankle boot | no |
    | T-shirt/top | bag | no | ankle boot | no |
    | T-shirt/top | disc | no | bag | no |
    | disc | disc | yes | bag | no |
    | disc | bag | no | ankle boot | no: class 0 of it is no disc |
    """
    rows = [(0, 0), (1, 0), (2, 2), (0, 2), (1, 2), (1, 1), (0, 1)]  # the greatest score, the label
    examples = [
        example_of([float(position == greatest) * 5 for position in range(3)], label, b"dark", NEW_CLASSES)
        for greatest, label in rows
    ]
    thresholds = EvaluationConfig(
        min_accuracy=0.1, min_gain_over_majority=None, min_adjusted_balanced_accuracy=None
    )
    classes = {"candidate": NEW_CLASSES, "baseline": FORMER_CLASSES}
    output = evaluate(tmp_path, examples, gate_config(thresholds, compare), classes)
    return EvaluationResult(output).slices[0], EvaluationResult(output).failures


def test_each_model_is_scored_by_its_own_classes(tmp_path: pathlib.Path) -> None:
    found, failures = compared(tmp_path, "shared")
    assert found.values["accuracy"] == pytest.approx(3 / 7)
    assert found.baseline["accuracy"] == pytest.approx(1 / 7)
    # only bag is known to both: two images
    assert found.values["shared_accuracy"] == pytest.approx(1 / 2)
    assert found.baseline["shared_accuracy"] == pytest.approx(1 / 2)
    # bag: 1 hit, 2 actual, 3 predicted; T-shirt/top and disc are never predicted, ankle boot never occurs
    assert found.baseline["macro_f1"] == pytest.approx((2 * 1 / (2 + 3) + 0 + 0) / 3)
    assert found.per_class["recall"] == {0: 0.5, 1: 0.5, 2: pytest.approx(1 / 3)}
    assert failures == ()


@pytest.mark.parametrize(("compare", "compared_by"), [("shared", "shared_accuracy"), ("all", "accuracy")])
def test_the_change_is_asked_of_the_classes_that_are_configured(compare: Any, compared_by: Any) -> None:
    config = gate_config(EvaluationConfig(max_accuracy_drop=0.25), compare)
    asked = {
        json.loads(metric.config)["name"]: per_slice.threshold.change_threshold.absolute.value
        for metric in config.metrics_specs[0].metrics
        for per_slice in metric.per_slice_thresholds
        if per_slice.threshold.HasField("change_threshold")
    }
    assert asked == {compared_by: -0.25}

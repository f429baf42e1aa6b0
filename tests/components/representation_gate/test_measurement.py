"""The gate blesses or refuses real SavedModels on real example files, with the expected reasons."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.components.representation_gate.conftest import conv_encoder, save_encoder, write_examples
from tfx_contrastive.components.gates.samples import read_samples
from tfx_contrastive.components.representation_gate import measurement
from tfx_contrastive.components.representation_gate.config import GateConfig
from tfx_contrastive.components.representation_gate.encoders import SavedEncoder
from tfx_contrastive.contract import files

CONFIG = GateConfig(num_views=200)


@pytest.fixture(scope="module")
def without_labels(digits: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    root = tmp_path_factory.mktemp("unlabeled")
    images, labels = digits
    write_examples(root / "Split-train" / "data", images[:500], labels[:500], hidden=range(500))
    return {"train": [str(root / "Split-train")]}


def failed(report: Any) -> set[Any]:
    return {check.threshold_name for check in report.checks if check.outcome == "failed"}


def test_a_trained_encoder_is_blessed(splits: dict[Any, Any], trained: str) -> None:
    report = measurement.evaluate(splits, trained, CONFIG)
    assert (report.blessed, report.reasons) == (True, [])
    assert report.figures["linear_probe_accuracy"] > 0.85
    assert report.figures["test_linear_probe_accuracy"] > 0.75
    assert report.counts == {
        "num_label_free": 1100,
        "num_train": 200,
        "num_eval": 400,
        "num_test": 297,
        "num_classes": 10,
    }


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_an_untrained_encoder_is_refused(splits: dict[Any, Any], tmp_path: pathlib.Path, seed: int) -> None:
    encoder = conv_encoder(seed)
    report = measurement.evaluate(splits, save_encoder(tmp_path / "model", encoder, encoder), CONFIG)
    assert not report.blessed
    assert failed(report) & {"min_knn_gain", "min_linear_probe_gain"}


def test_without_labels_an_untrained_encoder_is_refused_and_a_trained_one_blessed(
    without_labels: dict[str, list[str]], trained: str, tmp_path: pathlib.Path
) -> None:
    encoder = conv_encoder(0)
    untrained = measurement.evaluate(
        without_labels, save_encoder(tmp_path / "model", encoder, encoder), CONFIG
    )
    assert failed(untrained) == {"min_view_retrieval_gain"}
    report = measurement.evaluate(without_labels, trained, CONFIG)
    assert report.blessed
    assert "knn_accuracy" not in report.figures
    skipped = {check.threshold_name: check.reason for check in report.checks if check.outcome == "skipped"}
    assert skipped["min_knn_gain"] == "there are no labels to probe with"


def test_a_constant_encoder_is_refused(splits: dict[Any, Any], tmp_path: pathlib.Path) -> None:
    constant = save_encoder(tmp_path / "model", lambda images: tf.ones([tf.shape(images)[0], 16]))
    report = measurement.evaluate(splits, constant, CONFIG)
    assert failed(report) >= {"min_effective_rank", "min_embedding_std", "max_uniformity"}
    assert report.figures["effective_rank"] == 0.0
    assert "embeddings hardly differ from each other: embedding_std is 0" in " ".join(report.reasons)


@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_a_rank_one_encoder_is_refused(splits: dict[Any, Any], tmp_path: pathlib.Path, offset: float) -> None:
    direction = np.random.default_rng(0).normal(size=[2, 16]).astype(np.float32)

    def encode(images: Any) -> Any:
        brightness = tf.reduce_mean(tf.cast(images, tf.float32), axis=[1, 2]) / 255 - 0.3
        return 20 * brightness * direction[0] + offset * direction[1]

    report = measurement.evaluate(splits, save_encoder(tmp_path / "model", encode), CONFIG)
    assert "min_effective_rank" in failed(report)
    assert report.figures["effective_rank"] < 2.0


def test_a_diverged_encoder_is_refused(splits: dict[Any, Any], tmp_path: pathlib.Path) -> None:
    diverged = save_encoder(tmp_path / "model", lambda images: tf.fill([tf.shape(images)[0], 4], np.nan))
    report = measurement.evaluate(splits, diverged, CONFIG)
    assert report.reasons == ["1100 of 1100 embeddings hold NaN or infinity: pretraining diverged"]


def test_weights_that_cannot_be_permuted_are_not_blessed(
    splits: dict[Any, Any], tmp_path: pathlib.Path
) -> None:
    kernel = tf.constant(np.random.default_rng(0).normal(size=[64, 32]), tf.float32)
    frozen = save_encoder(
        tmp_path / "model", lambda images: tf.reshape(tf.cast(images, tf.float32) - 70, [-1, 64]) @ kernel
    )
    report = measurement.evaluate(splits, frozen, CONFIG)
    assert failed(report) >= {"min_knn_gain", "min_linear_probe_gain"}
    waived = CONFIG.model_copy(
        update=dict.fromkeys(
            (
                "min_knn_gain",
                "min_linear_probe_gain",
                "min_knn_margin_over_pixels",  # of 32 numbers by chance, pixels may know more
                "min_linear_probe_margin_over_pixels",
            )
        )
    )
    assert measurement.evaluate(splits, frozen, waived).blessed


def test_accuracy_thresholds_of_the_team_apply(splits: dict[Any, Any], trained: str) -> None:
    strict = CONFIG.model_copy(update={"min_knn_accuracy": 0.999, "min_gain_over_pixels": 0.0})
    report = measurement.evaluate(splits, trained, strict)
    assert failed(report) == {"min_knn_accuracy"}
    assert report.reasons[0].startswith("the kNN probe is below what was asked for: knn_accuracy is 0.")
    assert report.reasons[0].endswith(", expected at least 0.999")


def test_figures_are_the_same_twice_and_do_not_depend_on_the_files(
    splits: dict[Any, Any], trained: str, tmp_path: pathlib.Path
) -> None:
    first = measurement.evaluate(splits, trained, CONFIG)
    assert measurement.evaluate(splits, trained, CONFIG).figures == first.figures
    records = list(tf.data.TFRecordDataset(files.glob(splits["train"][0] + "/*")).as_numpy_iterator())
    for part in range(3):
        with tf.io.TFRecordWriter(str(tmp_path / f"data-{part}.gz"), tf.io.TFRecordOptions("GZIP")) as writer:
            for record in records[part::3][::-1]:
                writer.write(record)
    other, _ = read_samples([str(tmp_path)], 100, 0)
    same, _ = read_samples(splits["train"], 100, 0)
    assert list(other.examples) == list(same.examples)


def test_permuted_twins_keep_the_values_and_give_the_weights_back(
    splits: dict[Any, Any], trained: str
) -> None:
    encoder = SavedEncoder(trained, batch_size=64)
    sample = read_samples(splits["eval"], 20, 0)[0]
    before = encoder.embed(sample.examples)
    during = [twin.embed(sample.examples) for twin in encoder.twins(2, seed=0)]
    assert not np.allclose(during[0], before, atol=1e-3)
    assert not np.allclose(during[0], during[1], atol=1e-3)
    np.testing.assert_array_equal(encoder.embed(sample.examples), before)


def test_a_model_that_is_no_encoder_is_refused_with_its_signatures(
    splits: dict[Any, Any], tmp_path: pathlib.Path
) -> None:
    module = tf.Module()
    module.f = tf.function(
        lambda examples: {"probabilities": tf.ones([tf.size(examples), 2])},
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.f})
    with pytest.raises(ValueError, match=r"'serving_default': \['probabilities'\].*Pretrainer's model"):
        measurement.evaluate(splits, str(tmp_path), CONFIG)


def test_an_empty_train_split_is_an_error(tmp_path: pathlib.Path, trained: str) -> None:
    with pytest.raises(ValueError, match="Received 0 images in train"):
        measurement.evaluate({"train": [str(tmp_path)]}, trained, CONFIG)


def test_the_report_holds_everything(splits: dict[Any, Any], trained: str, tmp_path: pathlib.Path) -> None:
    report = measurement.evaluate(splits, trained, CONFIG)
    measurement.write_measurement(report, CONFIG, str(tmp_path / "report"))
    content = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert content["figures"] == report.figures
    assert [check["threshold_name"] for check in content["checks"]] == [
        name for name in GateConfig.model_fields if name.startswith(("min_", "max_uni"))
    ]
    assert len(content["twins"]) == CONFIG.num_twins
    assert GateConfig.model_validate(content["config"]) == CONFIG

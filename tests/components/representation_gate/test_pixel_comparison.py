"""Comparison of encoders with pixels, and its confidence intervals."""

import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import binomtest

from tests.components.representation_gate.conftest import save_encoder
from tfx_contrastive.components.examples.model_input import SeenAs
from tfx_contrastive.components.representation_gate import encoders, measurement
from tfx_contrastive.components.representation_gate.checks import compare
from tfx_contrastive.components.representation_gate.config import GateConfig


def hits(*counts: Any) -> Any:
    """bool [sum of counts]: runs of hits and misses in turn."""
    return np.concatenate([np.full(count, row % 2 == 0) for row, count in enumerate(counts)])


def test_the_best_of_each_is_compared_image_by_image() -> None:
    found = compare(
        "kNN accuracy on eval",
        {"embedding": hits(50, 50), "embedding, whitened": hits(60, 40)},
        {"8x8 pixels": hits(70, 30), "16x16 gray pixels": hits(10, 90)},
    )
    assert (found.embedding.name, found.pixels.name) == ("embedding, whitened", "8x8 pixels")
    assert found.margin.value == pytest.approx(-0.1)
    # Ten images of 100 differ, all in one direction: var = 0.1 - 0.1^2.
    assert found.margin.high - found.margin.value == pytest.approx(1.96 * np.sqrt(0.09 / 100))
    expected = binomtest(60, 100).proportion_ci(method="wilson")
    assert (found.embedding.low, found.embedding.high) == pytest.approx(
        (expected.low, expected.high), abs=1e-4
    )
    assert str(found) == (
        "kNN accuracy on eval, n = 100: embedding, whitened 0.600 (95 % interval 0.502 to 0.691), 8x8 pixels "
        "0.700 (95 % interval 0.604 to 0.781); difference -0.100 (-0.159 to -0.041)"
    )
    assert [score.name for score in found.all_scores] == [
        "embedding", "embedding, whitened", "8x8 pixels", "16x16 gray pixels",
    ]  # fmt: skip


def test_pixels_keep_their_colors_and_places() -> None:
    image = np.zeros([16, 16, 3], np.uint8)
    image[:8, :8, 0] = 255
    features = encoders.pixel_features(np.array([tf.io.encode_png(image).numpy()], object), SeenAs())
    color = features["8x8 pixels"].reshape(8, 8, 3)
    np.testing.assert_array_equal(color[:4, :4], np.full([4, 4, 3], [1, 0, 0]))
    assert color.sum() == 16
    np.testing.assert_allclose(features["16x16 gray pixels"].reshape(16, 16)[:8, :8], 1 / 3, rtol=1e-5)


def test_drawings_in_alpha_are_compared_on_their_ground() -> None:
    drawing = np.zeros([16, 16, 4], np.uint8)  # black ink, which only opacity draws
    drawing[:8, :8, 3] = 255
    images = np.array([tf.io.encode_png(drawing[..., kept]).numpy() for kept in (slice(4), [0, 3])], object)
    seen_as = SeenAs(ground=(255, 0, 0), channels=3)
    for color in encoders.pixel_features(images, seen_as)["8x8 pixels"].reshape(2, 8, 8, 3):
        np.testing.assert_array_equal(color[:4, :4], np.zeros([4, 4, 3]))
        np.testing.assert_array_equal(color[4:], np.broadcast_to([1, 0, 0], [4, 8, 3]))
    for view in encoders.crop_views(images, seen_as):
        assert tf.io.decode_png(view).numpy()[-1, -1].tolist() == [255, 0, 0]
    kept = encoders.crop_views(images[:1], SeenAs(channels=4))[0]
    assert tf.io.decode_png(kept).numpy()[-1, -1].tolist() == [0, 0, 0, 0]


def blurred(images: Any) -> Any:
    """An encoder that sees four gray values of an image: far worse than its pixels."""
    small = tf.image.resize(tf.cast(images, tf.float32) / 255, [2, 2], method="area")
    return tf.reshape(small, [-1, 4]) @ tf.constant(np.random.default_rng(0).normal(size=[4, 16]), tf.float32)


def test_an_embedding_that_is_worse_than_pixels_is_refused_with_both_numbers(
    splits: dict[Any, Any], tmp_path: pathlib.Path
) -> None:
    model = save_encoder(tmp_path / "model", blurred)
    waived = dict.fromkeys(
        ("min_effective_rank", "min_embedding_std", "max_uniformity", "min_knn_gain", "min_linear_probe_gain")
    )
    report = measurement.evaluate(splits, model, GateConfig(num_views=200, **waived))
    assert [check.threshold_name for check in report.checks if check.outcome == "failed"] == [
        "min_knn_margin_over_pixels", "min_linear_probe_margin_over_pixels",
    ]  # fmt: skip
    knn = next(each for each in report.comparisons if each.measure == "kNN accuracy on eval")
    assert knn.num_images == 400
    assert knn.embedding.value < 0.6 < 0.85 < knn.pixels.value
    assert (
        f"the embedding is worse than pixels: kNN accuracy on eval, n = 400: {knn.embedding}"
        in report.reasons[0]
    )
    assert str(knn.pixels) in report.reasons[0]
    assert report.figures["knn_margin_over_pixels"] == knn.margin.value
    allowed = GateConfig(
        num_views=200, min_knn_margin_over_pixels=None, min_linear_probe_margin_over_pixels=-1, **waived
    )
    assert measurement.evaluate(splits, model, allowed).blessed


def test_without_labels_pixels_are_compared_but_refuse_nothing(
    splits: dict[Any, Any], tmp_path: pathlib.Path
) -> None:
    model = save_encoder(tmp_path / "model", blurred)
    waived = dict.fromkeys(
        ("min_effective_rank", "min_embedding_std", "max_uniformity", "min_view_retrieval_gain")
    )
    report = measurement.evaluate({"train": splits["train"]}, model, GateConfig(num_views=200, **waived))
    assert report.blessed
    (views,) = report.comparisons
    assert views.num_images == 200
    assert report.figures["view_retrieval_margin_over_pixels"] == views.margin.value < 0

import pathlib
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from tfx_contrastive.trainer_module.config import EncoderConfig
from tfx_contrastive.trainer_module.encoders.build import build_encoder, load_encoder, save_encoder
from tfx_contrastive.trainer_module.encoders.layers import GridPooling, OrientedGradients

GRID_ENCODER = EncoderConfig(name="c4n", pooling_grid=4, latent_dim=32)


def pooled(features: Any, grid: int = 4) -> Any:
    return GridPooling(grid)(features).numpy().reshape(len(features), grid, grid, -1)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_larger_map_is_averaged_cell_by_cell(factor: Any) -> None:
    features = np.random.default_rng(0).normal(size=(2, 4 * factor, 4 * factor, 3)).astype(np.float32)
    expected = features.reshape(2, 4, factor, 4, factor, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(pooled(features), expected, atol=1e-5)


def test_a_smaller_map_is_repeated() -> None:
    features = np.random.default_rng(0).normal(size=(2, 2, 2, 3)).astype(np.float32)
    np.testing.assert_allclose(pooled(features), features.repeat(2, axis=1).repeat(2, axis=2), atol=1e-6)


def test_positions_that_straddle_cells_count_in_both_and_the_mean_is_kept() -> None:
    features = np.random.default_rng(0).normal(size=(2, 7, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(pooled(features).mean(axis=(1, 2)), features.mean(axis=(1, 2)), atol=1e-5)


def test_every_position_has_a_gradient() -> None:
    features = tf.Variable(tf.ones([1, 7, 7, 2]))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(GridPooling(4)(features))
    np.testing.assert_allclose(tape.gradient(total, features), np.full((1, 7, 7, 2), 16 / 49), rtol=1e-5)


def test_an_encoder_with_a_grid_tells_where_things_are() -> None:
    """Global pooling hardly notices that a picture is upside down; a grid does."""
    keras.utils.set_random_seed(0)
    images = np.zeros((1, 28, 28, 1), np.float32)
    images[:, 4:10, 4:24] = 255.0
    distances = []
    for config in (EncoderConfig(name="c4n", latent_dim=32), GRID_ENCODER):
        encoder = build_encoder(config, (28, 28, 1), [0.3], [0.4])
        h = encoder(np.concatenate([images, images[:, ::-1]]), training=False).numpy()
        distances.append(np.linalg.norm(h[0] - h[1]) / np.linalg.norm(h))
    assert distances[1] > 2 * distances[0]


def test_small_views_and_images_give_vectors_of_one_width_and_survive_saving(tmp_path: pathlib.Path) -> None:
    encoder = build_encoder(GRID_ENCODER, (28, 28, 1), [0.3], [0.4])
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1)).astype(np.float32)
    assert encoder(images[:, :14, :14], training=False).shape == (2, 32)
    save_encoder(str(tmp_path), encoder, GRID_ENCODER, (28, 28, 1), [0.3], [0.4])
    loaded = load_encoder(str(tmp_path))
    np.testing.assert_allclose(loaded(images, training=False), encoder(images, training=False), atol=1e-5)


def test_a_grid_without_a_width_is_refused() -> None:
    with pytest.raises(ValidationError, match="set latent_dim"):
        EncoderConfig(name="c4n", pooling_grid=4)


PIXELS = np.random.default_rng(0).integers(0, 256, (5, 48, 40, 3), dtype=np.uint8)
KEPT = EncoderConfig(name="gradnet", pooling_grid=3, latent_dim=16, gradient_grid=4)


def build(config: Any) -> Any:
    return build_encoder(config, (48, 40, 3), [0.3] * 3, [0.35] * 3)


def ramp(degrees: Any) -> Any:
    """An image that grows brighter in one direction: its gradient is the same everywhere."""
    y, x = np.mgrid[:9, :9].astype(np.float32)
    angle = np.radians(degrees)
    return (np.cos(angle) * x + np.sin(angle) * y)[None, ..., None]


@pytest.mark.parametrize("degrees", [0, 22.5, 90, 157.5])
def test_a_ramp_is_seen_in_the_channel_of_its_direction(degrees: Any) -> None:
    inside = OrientedGradients(8)(ramp(degrees)).numpy()[0, 1:-1, 1:-1]
    strongest = round(degrees / 22.5)
    np.testing.assert_allclose(inside[..., strongest], 2, atol=0.02)  # two pixels apart
    # A share of sqrt(cos) of twice the angle: half a turn holds all directions.
    apart = np.radians(2 * 22.5 * (np.arange(8) - strongest))
    expected = 2 * np.sqrt(np.maximum(np.cos(apart), 0))
    np.testing.assert_allclose(inside, np.broadcast_to(expected, inside.shape), atol=0.02)


def test_a_negative_has_the_same_edges_and_a_flat_image_none() -> None:
    layer = OrientedGradients(8)
    image = PIXELS / np.float32(255)
    np.testing.assert_allclose(layer(1 - image), layer(image), atol=1e-4)
    np.testing.assert_allclose(layer(np.full((1, 5, 5, 3), 0.7, np.float32)), 0, atol=1e-6)


def test_an_edge_between_colors_of_one_luminance_is_seen() -> None:
    image = np.zeros((1, 5, 6, 3), np.float32)
    image[:, :, :3, 0], image[:, :, 3:, 1] = 0.587, 0.299  # red, green
    gradients = OrientedGradients(8)(image).numpy()
    assert gradients[0, 2, 2, 0] == pytest.approx(np.hypot(0.587, 0.299), abs=0.02)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(8, 8), (33, 48)])
def test_sizes_and_channels(size: Any, channels: int) -> None:
    encoder = build_encoder(KEPT, (*size, channels), [0.3] * channels, [0.35] * channels)
    assert encoder(np.zeros((2, *size, channels), np.uint8)).shape == (2, 16 + 16 * (8 + channels))


def test_what_is_kept_is_not_trained_and_stands_beside_what_is_learned() -> None:
    encoder = build(KEPT)
    names = [layer.name for layer in encoder.layers if layer.trainable_variables]
    assert not [name for name in names if name.startswith("kept")]
    edges, colors = np.split(encoder(PIXELS).numpy()[:, 16:], [16 * 8], axis=1)
    standardized = ((PIXELS / 255 - 0.3) / 0.35).astype(np.float32)

    def cells(pixels: Any) -> Any:
        return pixels.reshape(5, 4, 12, 4, 10, -1).mean(axis=(2, 4)).reshape(5, -1)

    np.testing.assert_allclose(colors, cells(standardized), atol=1e-3)
    magnitudes = OrientedGradients(8)(standardized).numpy()
    np.testing.assert_allclose(edges, np.sqrt(cells(magnitudes)), atol=1e-3)


@pytest.mark.parametrize("name", ["gradnet", "c4n"])
def test_saved_encoder_is_the_same(tmp_path: pathlib.Path, name: str) -> None:
    config = KEPT.model_copy(update={"name": name})
    encoder = build(config)
    encoder(np.repeat(PIXELS, 3, axis=0), training=True)  # moves the running statistics of batch norm
    save_encoder(str(tmp_path / "model"), encoder, config, (48, 40, 3), [0.3] * 3, [0.35] * 3)
    np.testing.assert_array_equal(load_encoder(str(tmp_path / "model"))(PIXELS), encoder(PIXELS))

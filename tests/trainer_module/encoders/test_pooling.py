import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from tfx_contrastive.trainer_module.config import EncoderConfig
from tfx_contrastive.trainer_module.encoders import build_encoder, load_encoder, save_encoder
from tfx_contrastive.trainer_module.encoders.pooling import GridPooling

GRID_ENCODER = EncoderConfig(name="c4n", pooling_grid=4, latent_dim=32)


def pooled(features, grid=4):
    return GridPooling(grid)(features).numpy().reshape(len(features), grid, grid, -1)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_larger_map_is_averaged_cell_by_cell(factor):
    features = np.random.default_rng(0).normal(size=(2, 4 * factor, 4 * factor, 3)).astype(np.float32)
    expected = features.reshape(2, 4, factor, 4, factor, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(pooled(features), expected, atol=1e-5)


def test_a_smaller_map_is_repeated():
    features = np.random.default_rng(0).normal(size=(2, 2, 2, 3)).astype(np.float32)
    np.testing.assert_allclose(pooled(features), features.repeat(2, axis=1).repeat(2, axis=2), atol=1e-6)


def test_positions_that_straddle_cells_count_in_both_and_the_mean_is_kept():
    features = np.random.default_rng(0).normal(size=(2, 7, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(pooled(features).mean(axis=(1, 2)), features.mean(axis=(1, 2)), atol=1e-5)


def test_every_position_has_a_gradient():
    features = tf.Variable(tf.ones([1, 7, 7, 2]))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(GridPooling(4)(features))
    np.testing.assert_allclose(tape.gradient(total, features), np.full((1, 7, 7, 2), 16 / 49), rtol=1e-5)


def test_an_encoder_with_a_grid_tells_where_things_are():
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


def test_small_views_and_images_give_vectors_of_one_width_and_survive_saving(tmp_path):
    encoder = build_encoder(GRID_ENCODER, (28, 28, 1), [0.3], [0.4])
    images = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1)).astype(np.float32)
    assert encoder(images[:, :14, :14], training=False).shape == (2, 32)
    save_encoder(str(tmp_path), encoder, GRID_ENCODER, (28, 28, 1), [0.3], [0.4])
    loaded = load_encoder(str(tmp_path))
    np.testing.assert_allclose(loaded(images, training=False), encoder(images, training=False), atol=1e-5)


def test_a_grid_without_a_width_is_refused():
    with pytest.raises(ValidationError, match="set latent_dim"):
        EncoderConfig(name="c4n", pooling_grid=4)

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_contrastive.trainer_module.config import CATALOG, PretrainConfig
from tfx_contrastive.trainer_module.pretrain.networks import (
    Networks,
    gradient_at_once,
    gradient_in_parts,
    refuse_random_layers,
)

NUM = 12
RANDOM = np.random.default_rng(3)
IMAGES = RANDOM.integers(0, 256, (NUM, 8, 8, 1), dtype=np.uint8)
LABELS = np.array([0, 1, -1, 0, -1, 1, 2, 2, 0, -1, 1, 1])


def plain_encoder(*layers: keras.layers.Layer) -> keras.Model:
    """Without batch norm, which sees one part at a time."""
    keras.utils.set_random_seed(7)
    x = keras.layers.Input((None, None, 1))
    h = keras.layers.Rescaling(1 / 255)(x)
    for layer in (keras.layers.Conv2D(4, 3, 2, activation="tanh"), *layers):
        h = layer(h)
    h = keras.layers.GlobalAveragePooling2D()(h)
    return keras.Model(x, keras.layers.Dense(6, activation="tanh")(h))


def networks(name: str, small: int = 1) -> Networks:
    params = dict.fromkeys(CATALOG[name].parameters, 0.5)
    settings = {
        "objective": {"name": name, "params": params},
        "projection_dims": (5,),
        "views": {"small": {"count": small}},
    }
    return Networks(plain_encoder(), PretrainConfig.model_validate(settings))


def draw_views(images: Any, _part: Any) -> Any:
    """Views that depend on the image alone, so that parts and the whole have the same."""
    pixels = tf.cast(images, tf.float32)
    return [pixels, pixels[:, ::-1], pixels[:, 2:6, 2:6]]


def compare(name: str, in_graph: bool) -> None:
    nets = networks(name)
    batch = (nets, tf.constant(IMAGES), tf.constant(LABELS), draw_views)
    whole = gradient_at_once(*batch)
    in_parts = tf.function(gradient_in_parts) if in_graph else gradient_in_parts
    parts = in_parts(*batch, 3)
    np.testing.assert_allclose(parts.loss, whole.loss, rtol=1e-5)
    np.testing.assert_allclose(parts.h, whole.h, atol=1e-6)
    np.testing.assert_allclose(parts.z, whole.z, atol=1e-6)
    scale = max(float(tf.reduce_max(tf.abs(gradient))) for gradient in whole.gradients)
    assert scale > 1e-4
    for one, other in zip(parts.gradients, whole.gradients, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4 * scale)


@pytest.mark.parametrize("name", sorted(CATALOG))
def test_parts_have_the_loss_and_gradient_of_the_whole_batch(name: str) -> None:
    compare(name, in_graph=False)


def test_so_they_have_in_a_graph() -> None:
    compare("supcon", in_graph=True)


def test_added_gradients_of_small_batches_are_another_gradient() -> None:
    """Why it takes two passes: a part has fewer negatives."""
    nets = networks("nt_xent")
    whole = gradient_at_once(nets, tf.constant(IMAGES), tf.constant(LABELS), draw_views)
    halves = [
        gradient_at_once(nets, tf.constant(IMAGES[rows]), tf.constant(LABELS[rows]), draw_views)
        for rows in (slice(6), slice(6, 12))
    ]
    added = (halves[0].gradients[0] + halves[1].gradients[0]) / 2
    assert float(tf.reduce_max(tf.abs(added - whole.gradients[0]))) > 1e-2 * float(
        tf.reduce_max(tf.abs(whole.gradients[0]))
    )


def test_random_layers_are_refused() -> None:
    config = PretrainConfig(projection_dims=(5,))
    refuse_random_layers(Networks(plain_encoder(), config))
    with pytest.raises(ValueError, match=r"has random layers \(dropout\): .* set micro_batches to 1"):
        refuse_random_layers(Networks(plain_encoder(keras.layers.Dropout(0.5, name="dropout")), config))

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.losses.references import DISTANCES, anchors, check_gradient, views
from tfx_contrastive.trainer_module.config import ALL_DISTANCES
from tfx_contrastive.trainer_module.losses.info_nce import info_nce_loss

each_distance = pytest.mark.parametrize("distance", ALL_DISTANCES)


def reference(z_a: Any, z_b: Any, temperature: Any, distance: Any) -> Any:
    """Eq. 4 of CPC with f = exp(-d / t), one anchor at a time; float64 [2N]."""
    d, losses = DISTANCES[distance], []
    for anchor, positive, negatives in anchors(z_a, z_b):
        own = np.exp(-d(anchor, positive) / temperature)
        losses.append(-np.log(own / (own + sum(np.exp(-d(anchor, n) / temperature) for n in negatives))))
    return np.array(losses)


@each_distance
@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_equals_the_equation(distance: str, temperature: float) -> None:
    z_a, z_b = views()
    np.testing.assert_allclose(
        info_nce_loss(z_a, z_b, temperature, distance),
        reference(z_a, z_b, temperature, distance),
        rtol=1e-4,
        atol=2e-4,
    )


@each_distance
def test_gradient(distance: str) -> None:
    check_gradient(
        lambda a, b: info_nce_loss(a, b, 0.7, distance),
        lambda a, b: float(reference(a, b, 0.7, distance).mean()),
        *views(),
        tolerance=1e-3,
    )


@each_distance
@pytest.mark.parametrize("num", [1, 2, 9])
def test_constant_embeddings_are_at_chance(distance: str, num: int) -> None:
    z = tf.ones([num, 3])
    np.testing.assert_allclose(info_nce_loss(z, z, 0.1, distance), [np.log(num)] * (2 * num), atol=1e-5)


def test_cosine_is_the_symmetric_cross_entropy_of_clip() -> None:
    z_a, z_b = (tf.math.l2_normalize(tf.constant(z, tf.float32), axis=1) for z in views())
    logits = tf.matmul(z_a, z_b, transpose_b=True) / 0.07
    labels = tf.range(6)
    expected = [
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, side)
        for side in (logits, tf.transpose(logits))
    ]
    np.testing.assert_allclose(info_nce_loss(z_a, z_b, 0.07), tf.concat(expected, 0), rtol=1e-4, atol=1e-5)


def test_refuses_a_temperature_that_is_not_positive() -> None:
    with pytest.raises(ValueError, match="temperature is 0"):
        info_nce_loss(*views(), 0.0)

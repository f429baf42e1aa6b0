"""The margin contrastive loss against its equation."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tests.trainer_module.losses.references import DISTANCES, MARGINS, anchors, check_gradient, views
from tfx_contrastive.trainer_module.config import ALL_DISTANCES
from tfx_contrastive.trainer_module.losses.margin_contrastive import margin_contrastive_loss, pair_loss

each_distance = pytest.mark.parametrize("distance", ALL_DISTANCES)


def reference(z_a: Any, z_b: Any, margin: float, distance: str) -> NDArray[Any]:
    """Eq. 4 of Hadsell et al., one anchor at a time; float64 [2N]."""
    d = DISTANCES[distance]
    return np.array(
        [
            0.5 * d(x, positive) ** 2 + np.mean([0.5 * max(0, margin - d(x, n)) ** 2 for n in negatives])
            for x, positive, negatives in anchors(z_a, z_b)
        ]
    )


@each_distance
def test_equals_the_equation(distance: str) -> None:
    z_a, z_b = views()
    margin = MARGINS[distance]
    expected = reference(z_a, z_b, margin, distance)
    assert len(np.unique(expected)) > 1
    np.testing.assert_allclose(
        margin_contrastive_loss(z_a, z_b, margin, distance), expected, rtol=1e-4, atol=1e-5
    )


@each_distance
def test_gradient(distance: str) -> None:
    check_gradient(
        lambda a, b: margin_contrastive_loss(a, b, MARGINS[distance], distance),
        lambda a, b: float(reference(a, b, MARGINS[distance], distance).mean()),
        *views(),
        tolerance=2e-3,
    )


@each_distance
def test_constant_embeddings_have_the_closed_form(distance: str) -> None:
    z = tf.ones([5, 4])
    np.testing.assert_allclose(margin_contrastive_loss(z, z, 0.6, distance), [0.18] * 10, rtol=1e-5)


def test_a_perfect_embedding_costs_nothing() -> None:
    z = 10 * tf.eye(5)
    np.testing.assert_array_equal(margin_contrastive_loss(z, z, 1.0, "euclidean"), np.zeros(10))


def test_single_pairs_are_those_of_hadsell_equation_4() -> None:
    loss = pair_loss(tf.constant([0.5, 0.5, 3.0]), tf.constant([True, False, False]), margin=2.0)
    np.testing.assert_allclose(loss, [0.125, 1.125, 0.0])


def test_refuses_a_margin_that_is_not_positive() -> None:
    with pytest.raises(ValueError, match="margin is -1"):
        margin_contrastive_loss(*views(), -1.0, "euclidean")

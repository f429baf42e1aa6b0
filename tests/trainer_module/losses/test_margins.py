from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.losses.references import DISTANCES, anchors, check_gradient, views
from tfx_contrastive.trainer_module.config import ALL_DISTANCES
from tfx_contrastive.trainer_module.losses.margin_contrastive import margin_contrastive_loss, pair_loss
from tfx_contrastive.trainer_module.losses.triplet_margin import triplet_margin_loss

each_distance = pytest.mark.parametrize("distance", ALL_DISTANCES)
each_loss = pytest.mark.parametrize("loss", [margin_contrastive_loss, triplet_margin_loss])
# about the middle of the distances of `views`, so that some pairs are inside the margin and some are not
MARGINS = {"euclidean": 2.5, "squared_euclidean": 8.0, "manhattan": 5.0, "cosine": 0.9}


def margin_contrastive_reference(z_a: Any, z_b: Any, margin: Any, distance: Any) -> Any:
    d = DISTANCES[distance]
    return np.array(
        [
            0.5 * d(x, positive) ** 2 + np.mean([0.5 * max(0, margin - d(x, n)) ** 2 for n in negatives])
            for x, positive, negatives in anchors(z_a, z_b)
        ]
    )


def triplet_margin_reference(z_a: Any, z_b: Any, margin: Any, distance: Any) -> Any:
    d = DISTANCES[distance]
    return np.array(
        [
            np.mean([max(0, d(x, positive) - d(x, n) + margin) for n in negatives])
            for x, positive, negatives in anchors(z_a, z_b)
        ]
    )


REFERENCES = {
    margin_contrastive_loss: margin_contrastive_reference,
    triplet_margin_loss: triplet_margin_reference,
}


@each_loss
@each_distance
def test_equals_the_equation(loss: Any, distance: str) -> None:
    z_a, z_b = views()
    margin = MARGINS[distance]
    expected = REFERENCES[loss](z_a, z_b, margin, distance)
    assert len(np.unique(expected)) > 1
    np.testing.assert_allclose(loss(z_a, z_b, margin, distance), expected, rtol=1e-4, atol=1e-5)


@each_loss
@each_distance
def test_gradient(loss: Any, distance: str) -> None:
    check_gradient(
        lambda a, b: loss(a, b, MARGINS[distance], distance),
        lambda a, b: float(REFERENCES[loss](a, b, MARGINS[distance], distance).mean()),
        *views(),
        tolerance=2e-3,
    )


@each_loss
@each_distance
def test_exchanging_the_views_exchanges_the_anchors(loss: Any, distance: str) -> None:
    z_a, z_b = views()
    forward, backward = loss(z_a, z_b, 1.0, distance), loss(z_b, z_a, 1.0, distance)
    np.testing.assert_allclose(np.roll(forward, len(z_a)), backward, rtol=1e-4, atol=1e-5)


@each_distance
def test_constant_embeddings_have_the_closed_form(distance: str) -> None:
    z = tf.ones([5, 4])
    np.testing.assert_allclose(margin_contrastive_loss(z, z, 0.6, distance), [0.18] * 10, rtol=1e-5)
    np.testing.assert_allclose(triplet_margin_loss(z, z, 0.6, distance), [0.6] * 10, rtol=1e-5)


@each_loss
def test_a_perfect_embedding_costs_nothing(loss: Any) -> None:
    z = 10 * tf.eye(5)
    np.testing.assert_array_equal(loss(z, z, 1.0, "euclidean"), np.zeros(10))


@each_loss
@each_distance
def test_gradient_is_finite_for_constant_embeddings(loss: Any, distance: str) -> None:
    z = tf.zeros([4, 3])
    with tf.GradientTape() as tape:
        tape.watch(z)
        total = tf.reduce_sum(loss(z, z, 1.0, distance))
    assert np.isfinite(tape.gradient(total, z)).all()


def test_single_pairs_are_those_of_hadsell_equation_4() -> None:
    loss = pair_loss(tf.constant([0.5, 0.5, 3.0]), tf.constant([True, False, False]), margin=2.0)
    np.testing.assert_allclose(loss, [0.125, 1.125, 0.0])


@each_loss
def test_refuses_a_margin_that_is_not_positive_and_a_batch_without_negatives(loss: Any) -> None:
    with pytest.raises(ValueError, match="margin is -1"):
        loss(*views(), -1.0, "euclidean")
    with pytest.raises(ValueError, match="needs at least 2"):
        loss(*views(num=1), 1.0, "euclidean")

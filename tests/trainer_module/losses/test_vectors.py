from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.trainer_module.losses.references import DISTANCES, check_gradient, views
from tfx_contrastive.trainer_module.config import ALL_DISTANCES
from tfx_contrastive.trainer_module.losses.vectors import paired_distance, pairwise_distance

each_distance = pytest.mark.parametrize("distance", ALL_DISTANCES)


def as_float32(x: NDArray[Any], y: NDArray[Any]) -> tuple[tf.Tensor, tf.Tensor]:
    return tf.constant(x, tf.float32), tf.constant(y, tf.float32)


def test_every_distance_has_a_reference() -> None:
    assert set(DISTANCES) == set(ALL_DISTANCES)


@each_distance
def test_pairs_equal_the_definition(distance: str) -> None:
    x, y = views()
    expected = [[DISTANCES[distance](a, b) for b in y[:4]] for a in x]
    np.testing.assert_allclose(
        pairwise_distance(*as_float32(x, y[:4]), distance), expected, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        paired_distance(*as_float32(x[:4], y[:4]), distance), np.diag(expected), rtol=1e-4, atol=1e-5
    )


@each_distance
@settings(max_examples=10, deadline=None, derandomize=True)
@given(num=st.integers(1, 6), dim=st.integers(1, 6), seed=st.integers(0, 99))
def test_is_symmetric_and_not_negative(distance: str, num: int, dim: int, seed: int) -> None:
    x, y = as_float32(*views(num, dim, seed))
    forward = pairwise_distance(x, y, distance)
    np.testing.assert_allclose(forward, tf.transpose(pairwise_distance(y, x, distance)), atol=1e-4)
    assert (forward.numpy() >= 0).all()
    np.testing.assert_allclose(tf.linalg.diag_part(pairwise_distance(x, x, distance)), 0, atol=5e-3)


def test_far_from_the_origin_nothing_cancels() -> None:
    x, y = views()
    np.testing.assert_allclose(
        pairwise_distance(*as_float32(x + 1000, y + 1000), "squared_euclidean"),
        pairwise_distance(*as_float32(x, y), "squared_euclidean"),
        rtol=1e-2,
    )


@each_distance
def test_gradient_of_all_pairs(distance: str) -> None:
    weights = np.random.default_rng(5).normal(size=[6, 6])

    def reference(x: Any, y: Any) -> Any:
        return float(np.sum([weights[i, j] * DISTANCES[distance](x[i], y[j]) for i, j in np.ndindex(6, 6)]))

    check_gradient(
        lambda x, y: tf.reduce_sum(weights.astype(np.float32) * pairwise_distance(x, y, distance)),
        reference,
        *views(),
        tolerance=2e-3,
    )


@each_distance
@pytest.mark.parametrize("function", [paired_distance, pairwise_distance])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_gradient_is_finite_where_vectors_coincide(distance: str, function: Any, value: Any) -> None:
    x = tf.fill([4, 3], value)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(function(x, tf.fill([4, 3], value), distance))
    assert np.isfinite(tape.gradient(total, x)).all()


@pytest.mark.parametrize("function", [paired_distance, pairwise_distance])
def test_an_unknown_distance_is_refused_with_the_list(function: Any) -> None:
    with pytest.raises(ValueError, match="'hamming': choose one of euclidean, squared_euclidean"):
        function(tf.ones([2, 2]), tf.ones([2, 2]), "hamming")

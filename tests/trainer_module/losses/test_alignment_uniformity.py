"""Alignment and uniformity against its equation."""

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tests.trainer_module.losses.references import check_gradient, uneven_views, views
from tfx_contrastive.trainer_module.losses.alignment_uniformity import (
    alignment_term,
    alignment_uniformity_loss,
    uniformity_term,
)


def unit(z: NDArray[Any]) -> NDArray[Any]:
    normalized: NDArray[Any] = z / np.linalg.norm(z, axis=1, keepdims=True)
    return normalized


def reference(z_a: Any, z_b: Any, weight: float, scale: float) -> float:
    """The equations of Wang and Isola, one pair at a time."""
    a, b = unit(z_a), unit(z_b)
    loss = np.mean([np.linalg.norm(x - y) ** 2 for x, y in zip(a, b, strict=True)])
    for z in (a, b):
        potentials = [np.exp(-scale * np.linalg.norm(x - y) ** 2) for x, y in itertools.combinations(z, 2)]
        loss += weight * np.log(np.mean(potentials)) / 2
    return float(loss)


each_parameters = pytest.mark.parametrize("parameters", [(1.0, 2.0), (0.5, 3.0)])


@each_parameters
def test_equals_the_equation(parameters: Any) -> None:
    expected = reference(*uneven_views(), *parameters)
    np.testing.assert_allclose(alignment_uniformity_loss(*uneven_views(), *parameters), expected, rtol=1e-4)


@each_parameters
def test_gradient(parameters: Any) -> None:
    check_gradient(
        lambda a, b: alignment_uniformity_loss(a, b, *parameters),
        lambda a, b: float(reference(a, b, *parameters)),
        *uneven_views(),
        tolerance=5e-3,
    )


def test_constant_embeddings_have_the_closed_form() -> None:
    z = tf.fill([8, 6], 0.5)
    np.testing.assert_allclose(alignment_uniformity_loss(z, z, 1.0, 2.0), 0, atol=1e-4)


def test_alignment_is_the_squared_distance_of_unit_vectors() -> None:
    a, b = map(unit, views())
    np.testing.assert_allclose(alignment_term(*views()), np.square(a - b).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(alignment_term(tf.eye(3), -tf.eye(3)), [4, 4, 4])


def test_uniformity_is_the_log_of_the_mean_potential() -> None:
    z = unit(views()[0])
    potentials = [np.exp(-2 * np.square(x - y).sum()) for x, y in itertools.combinations(z, 2)]
    assert float(uniformity_term(views()[0], 2.0)) == pytest.approx(np.log(np.mean(potentials)), rel=1e-5)
    assert float(uniformity_term(tf.ones([5, 3]), 2.0)) == pytest.approx(0, abs=1e-5)


def test_uniformity_of_orthonormal_vectors_has_the_closed_form() -> None:
    assert float(uniformity_term(tf.eye(7), 2.0)) == pytest.approx(-4)


def test_refuses_a_weight_that_is_not_positive() -> None:
    with pytest.raises(ValueError, match="is -1.0: expected a positive"):
        alignment_uniformity_loss(*views(), 1.0, -1.0)

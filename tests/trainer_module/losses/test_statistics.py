import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tests.trainer_module.losses.references import check_gradient, views
from tfx_contrastive.trainer_module.losses.alignment_uniformity import (
    alignment_term,
    alignment_uniformity_loss,
    uniformity_term,
)
from tfx_contrastive.trainer_module.losses.barlow_twins import barlow_twins_loss
from tfx_contrastive.trainer_module.losses.vicreg import vicreg_loss


def barlow_twins_reference(z_a: Any, z_b: Any, redundancy_weight: Any) -> Any:
    """Eq. 1 and 2, one entry of C at a time."""
    a = (z_a - z_a.mean(0)) / np.sqrt(z_a.var(0) + 1e-5)
    b = (z_b - z_b.mean(0)) / np.sqrt(z_b.var(0) + 1e-5)
    loss = 0.0
    for i, j in np.ndindex(a.shape[1], a.shape[1]):
        c = np.mean(a[:, i] * b[:, j])
        loss += (1 - c) ** 2 if i == j else redundancy_weight * c**2
    return loss


def vicreg_reference(
    z_a: Any, z_b: Any, invariance_weight: Any, variance_weight: Any, covariance_weight: Any
) -> Any:
    """Algorithm 1 of the paper."""
    loss = invariance_weight * np.mean((z_a - z_b) ** 2)
    for z in (z_a, z_b):
        covariance = np.cov(z, rowvar=False)
        stds = [np.sqrt(np.var(column, ddof=1) + 1e-4) for column in z.T]
        loss += variance_weight * np.mean([max(0, 1 - std) for std in stds])
        off_diagonal = [covariance[i, j] ** 2 for i, j in np.ndindex(*covariance.shape) if i != j]
        loss += covariance_weight * np.sum(off_diagonal) / z.shape[1]
    return loss


def alignment_uniformity_reference(z_a: Any, z_b: Any, weight: Any, scale: Any) -> Any:
    a = z_a / np.linalg.norm(z_a, axis=1, keepdims=True)
    b = z_b / np.linalg.norm(z_b, axis=1, keepdims=True)
    loss = np.mean([np.linalg.norm(x - y) ** 2 for x, y in zip(a, b, strict=True)])
    for z in (a, b):
        potentials = [np.exp(-scale * np.linalg.norm(x - y) ** 2) for x, y in itertools.combinations(z, 2)]
        loss += weight * np.log(np.mean(potentials)) / 2
    return loss


CASES = [
    (barlow_twins_loss, barlow_twins_reference, (5e-3,)),
    (barlow_twins_loss, barlow_twins_reference, (1.0,)),
    (vicreg_loss, vicreg_reference, (25.0, 25.0, 1.0)),
    (vicreg_loss, vicreg_reference, (1.0, 2.0, 3.0)),
    (alignment_uniformity_loss, alignment_uniformity_reference, (1.0, 2.0)),
    (alignment_uniformity_loss, alignment_uniformity_reference, (0.5, 3.0)),
]
each_case = pytest.mark.parametrize(("loss", "reference", "parameters"), CASES)


def small_views() -> tuple[NDArray[Any], NDArray[Any]]:
    """Some dimensions vary by less than VICReg's target of 1, some by more."""
    scale = np.array([0.2, 0.5, 1.0, 1.5, 2.0])
    z_a, z_b = views(num=8)
    return scale * z_a, scale * z_b


@each_case
def test_equals_the_equation(loss: Any, reference: Any, parameters: Any) -> None:
    np.testing.assert_allclose(
        loss(*small_views(), *parameters), reference(*small_views(), *parameters), rtol=1e-4
    )


@each_case
def test_gradient(loss: Any, reference: Any, parameters: Any) -> None:
    check_gradient(
        lambda a, b: loss(a, b, *parameters),
        lambda a, b: float(reference(a, b, *parameters)),
        *small_views(),
        tolerance=5e-3,
    )


@each_case
def test_exchanging_the_views_changes_nothing(loss: Any, reference: Any, parameters: Any) -> None:
    z_a, z_b = small_views()
    np.testing.assert_allclose(loss(z_a, z_b, *parameters), loss(z_b, z_a, *parameters), rtol=1e-4)


@pytest.mark.parametrize(
    ("loss", "parameters", "expected"),
    [
        (barlow_twins_loss, (5e-3,), 6),
        (vicreg_loss, (25.0, 25.0, 1.0), 50 * 0.99),
        (alignment_uniformity_loss, (1.0, 2.0), 0),
    ],
)
def test_constant_embeddings_have_the_closed_form_and_a_finite_gradient(
    loss: Any, parameters: Any, expected: Any
) -> None:
    z = tf.fill([8, 6], 0.5)
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = loss(z, z, *parameters)
    np.testing.assert_allclose(value, expected, atol=1e-4)
    assert np.isfinite(tape.gradient(value, z)).all()


def test_decorrelated_equal_views_cost_nothing() -> None:
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))  # uncorrelated, variance 1
    assert float(barlow_twins_loss(signs, signs, 5e-3)) == pytest.approx(0, abs=1e-6)
    assert float(vicreg_loss(2 * signs, 2 * signs, 25.0, 25.0, 1.0)) == pytest.approx(0, abs=1e-6)


@each_case
def test_refuses_a_single_image_and_weights_that_are_not_positive(
    loss: Any, reference: Any, parameters: Any
) -> None:
    with pytest.raises(ValueError, match="needs at least 2"):
        loss(*views(num=1), *parameters)
    with pytest.raises(ValueError, match="is -1.0: expected a positive"):
        loss(*views(), *parameters[:-1], -1.0)


def unit(z: NDArray[Any]) -> NDArray[Any]:
    normalized: NDArray[Any] = z / np.linalg.norm(z, axis=1, keepdims=True)
    return normalized


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

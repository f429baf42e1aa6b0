"""VICReg against its equation."""

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.losses.references import check_gradient, uneven_views, views
from tfx_contrastive.trainer_module.losses.vicreg import vicreg_loss


def reference(
    z_a: Any, z_b: Any, invariance_weight: float, variance_weight: float, covariance_weight: float
) -> float:
    """Algorithm 1 of the paper."""
    loss = invariance_weight * np.mean((z_a - z_b) ** 2)
    for z in (z_a, z_b):
        covariance = np.cov(z, rowvar=False)
        stds = [np.sqrt(np.var(column, ddof=1) + 1e-4) for column in z.T]
        loss += variance_weight * np.mean([max(0, 1 - std) for std in stds])
        off_diagonal = [covariance[i, j] ** 2 for i, j in np.ndindex(*covariance.shape) if i != j]
        loss += covariance_weight * np.sum(off_diagonal) / z.shape[1]
    return float(loss)


each_parameters = pytest.mark.parametrize("parameters", [(25.0, 25.0, 1.0), (1.0, 2.0, 3.0)])


@each_parameters
def test_equals_the_equation(parameters: Any) -> None:
    expected = reference(*uneven_views(), *parameters)
    np.testing.assert_allclose(vicreg_loss(*uneven_views(), *parameters), expected, rtol=1e-4)


@each_parameters
def test_gradient(parameters: Any) -> None:
    check_gradient(
        lambda a, b: vicreg_loss(a, b, *parameters),
        lambda a, b: float(reference(a, b, *parameters)),
        *uneven_views(),
        tolerance=5e-3,
    )


def test_constant_embeddings_have_the_closed_form() -> None:
    z = tf.fill([8, 6], 0.5)
    np.testing.assert_allclose(vicreg_loss(z, z, 25.0, 25.0, 1.0), 50 * 0.99, atol=1e-4)


def test_decorrelated_equal_views_cost_nothing() -> None:
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))  # uncorrelated, variance 1
    assert float(vicreg_loss(2 * signs, 2 * signs, 25.0, 25.0, 1.0)) == pytest.approx(0, abs=1e-6)


def test_refuses_a_weight_that_is_not_positive() -> None:
    with pytest.raises(ValueError, match="is -1.0: expected a positive"):
        vicreg_loss(*views(), 25.0, 25.0, -1.0)

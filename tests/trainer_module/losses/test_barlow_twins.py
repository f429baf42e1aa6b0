"""Barlow Twins against its equation."""

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.losses.references import check_gradient, uneven_views, views
from tfx_contrastive.trainer_module.losses.barlow_twins import barlow_twins_loss


def reference(z_a: Any, z_b: Any, redundancy_weight: float) -> float:
    """Eq. 1 and 2, one entry of C at a time."""
    a = (z_a - z_a.mean(0)) / np.sqrt(z_a.var(0) + 1e-5)
    b = (z_b - z_b.mean(0)) / np.sqrt(z_b.var(0) + 1e-5)
    loss = 0.0
    for i, j in np.ndindex(a.shape[1], a.shape[1]):
        c = np.mean(a[:, i] * b[:, j])
        loss += (1 - c) ** 2 if i == j else redundancy_weight * c**2
    return loss


each_parameters = pytest.mark.parametrize("parameters", [(5e-3,), (1.0,)])


@each_parameters
def test_equals_the_equation(parameters: Any) -> None:
    expected = reference(*uneven_views(), *parameters)
    np.testing.assert_allclose(barlow_twins_loss(*uneven_views(), *parameters), expected, rtol=1e-4)


@each_parameters
def test_gradient(parameters: Any) -> None:
    check_gradient(
        lambda a, b: barlow_twins_loss(a, b, *parameters),
        lambda a, b: float(reference(a, b, *parameters)),
        *uneven_views(),
        tolerance=5e-3,
    )


def test_constant_embeddings_have_the_closed_form() -> None:
    z = tf.fill([8, 6], 0.5)
    np.testing.assert_allclose(barlow_twins_loss(z, z, 5e-3), 6, atol=1e-4)


def test_decorrelated_equal_views_cost_nothing() -> None:
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))  # uncorrelated, variance 1
    assert float(barlow_twins_loss(signs, signs, 5e-3)) == pytest.approx(0, abs=1e-6)


def test_refuses_a_weight_that_is_not_positive() -> None:
    with pytest.raises(ValueError, match="is -1.0: expected a positive"):
        barlow_twins_loss(*views(), -1.0)

"""BYOL against its equation."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tests.trainer_module.losses.references import check_gradient, views
from tfx_contrastive.trainer_module.losses.byol import byol_loss

TARGETS = views(seed=8)


def reference(q_a: Any, q_b: Any, t_a: Any, t_b: Any) -> NDArray[Any]:
    """Eq. 2 of BYOL, one prediction at a time; float64 [2N]."""
    pairs = zip([*q_a, *q_b], [*t_b, *t_a], strict=True)
    return np.array([np.sum((q / np.linalg.norm(q) - t / np.linalg.norm(t)) ** 2) for q, t in pairs])


def test_equals_the_equation() -> None:
    np.testing.assert_allclose(
        byol_loss(*views(), *TARGETS), reference(*views(), *TARGETS), rtol=1e-4, atol=1e-6
    )


def test_gradient_of_predictions() -> None:
    targets = [tf.constant(t, tf.float32) for t in TARGETS]
    check_gradient(
        lambda a, b: byol_loss(a, b, *targets), lambda a, b: float(reference(a, b, *TARGETS).mean()), *views()
    )


def test_parallel_and_opposite_vectors_have_the_closed_form() -> None:
    z = tf.random.stateless_normal([5, 3], seed=[1, 2])
    np.testing.assert_allclose(byol_loss(2 * z, 3 * z, z, z), [0] * 10, atol=1e-5)
    np.testing.assert_allclose(byol_loss(-z, -z, z, z), [4] * 10, atol=1e-5)


def test_refuses_targets_of_another_width() -> None:
    with pytest.raises(ValueError, match="same width"):
        byol_loss(tf.ones([4, 3]), tf.ones([4, 3]), tf.ones([4, 5]), tf.ones([4, 5]))

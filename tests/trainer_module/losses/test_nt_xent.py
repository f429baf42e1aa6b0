from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.trainer_module.losses.references import check_gradient, cosine, views
from tfx_contrastive.trainer_module.losses.nt_xent import nt_xent_loss


def reference(z_a: NDArray[Any], z_b: NDArray[Any], temperature: float) -> NDArray[Any]:
    """Eq. 1 of SimCLR, one pair at a time; float64 [2N]."""
    z, num = np.concatenate([z_a, z_b]), len(z_a)
    losses = []
    for i in range(2 * num):
        j = (i + num) % (2 * num)
        others = [np.exp(cosine(z[i], z[k]) / temperature) for k in range(2 * num) if k != i]
        losses.append(-np.log(np.exp(cosine(z[i], z[j]) / temperature) / np.sum(others)))
    return np.array(losses)


@pytest.mark.parametrize("temperature", [0.05, 0.2, 1.0])
def test_equals_the_equation(temperature: float) -> None:
    z_a, z_b = views()
    np.testing.assert_allclose(
        nt_xent_loss(z_a, z_b, temperature), reference(z_a, z_b, temperature), rtol=1e-5, atol=1e-5
    )


@settings(max_examples=20, deadline=None, derandomize=True)
@given(num=st.integers(1, 9), dim=st.integers(1, 9), temperature=st.floats(0.02, 5.0))
def test_constant_embeddings_are_at_chance(num: int, dim: int, temperature: float) -> None:
    z = tf.ones([num, dim])
    np.testing.assert_allclose(
        nt_xent_loss(z, z, temperature), np.full(2 * num, np.log(2 * num - 1)), atol=1e-4
    )


def test_orthonormal_pairs_have_the_closed_form() -> None:
    num, temperature = 4, 0.5
    expected = np.log(1 + (2 * num - 2) * np.exp(-1 / temperature))
    np.testing.assert_allclose(
        nt_xent_loss(tf.eye(num), tf.eye(num), temperature), np.full(2 * num, expected), rtol=1e-6
    )


def test_scale_does_not_matter() -> None:
    z_a, z_b = views()
    np.testing.assert_allclose(
        nt_xent_loss(1e3 * z_a, 1e-3 * z_b, 0.2), nt_xent_loss(z_a, z_b, 0.2), rtol=1e-4
    )


def test_gradient() -> None:
    z_a, z_b = views()
    check_gradient(
        lambda a, b: nt_xent_loss(a, b, 0.5), lambda a, b: float(reference(a, b, 0.5).mean()), z_a, z_b
    )


def test_computes_in_float32_under_mixed_precision() -> None:
    z_a, z_b = (tf.constant(z, tf.float16) for z in views())
    loss = nt_xent_loss(z_a, z_b, 0.05)
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(
        loss,
        reference(z_a.numpy().astype(np.float64), z_b.numpy().astype(np.float64), 0.05),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_refuses_a_temperature_that_is_not_positive(temperature: float) -> None:
    with pytest.raises(ValueError, match=r"temperature is .* expected a positive"):
        nt_xent_loss(*views(), temperature)


@pytest.mark.parametrize(
    ("shape_a", "shape_b", "message"),
    [([4, 3], [5, 3], r"\(4, 3\) and z_b \(5, 3\)"), ([4, 3, 2], [4, 3, 2], "flatten or pool")],
)
def test_refuses_shapes_that_make_no_pairs(shape_a: Any, shape_b: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nt_xent_loss(tf.ones(shape_a), tf.ones(shape_b), 0.1)

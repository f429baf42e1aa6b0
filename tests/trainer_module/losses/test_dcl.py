from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.losses.references import check_gradient, cosine, views
from tfx_contrastive.trainer_module.losses.dcl import dcl_loss


def reference(z_a: Any, z_b: Any, temperature: Any) -> Any:
    """L_DC, one anchor at a time; float64 [2N]."""
    z, num, losses = np.concatenate([z_a, z_b]), len(z_a), []
    for i in range(2 * num):
        j = (i + num) % (2 * num)
        negatives = [np.exp(cosine(z[i], z[k]) / temperature) for k in range(2 * num) if k not in (i, j)]
        losses.append(-cosine(z[i], z[j]) / temperature + np.log(np.sum(negatives)))
    return np.array(losses)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_equals_the_equation(temperature: float) -> None:
    np.testing.assert_allclose(
        dcl_loss(*views(), temperature), reference(*views(), temperature), rtol=1e-4, atol=1e-5
    )


def test_gradient() -> None:
    check_gradient(
        lambda a, b: dcl_loss(a, b, 0.5), lambda a, b: float(reference(a, b, 0.5).mean()), *views()
    )


@pytest.mark.parametrize("num", [2, 7])
def test_constant_embeddings_have_the_closed_form(num: int) -> None:
    z = tf.ones([num, 3])
    np.testing.assert_allclose(dcl_loss(z, z, 0.1), [np.log(2 * num - 2)] * (2 * num), atol=1e-5)


def test_refuses_a_temperature_that_is_not_positive() -> None:
    with pytest.raises(ValueError, match="temperature is 0"):
        dcl_loss(*views(), 0.0)

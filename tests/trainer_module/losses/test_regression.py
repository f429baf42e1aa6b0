"""SimSiam and BYOL: predictions regressed on targets that are held constant."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.losses.references import check_gradient, cosine, views
from tfx_contrastive.trainer_module.losses.byol import byol_loss
from tfx_contrastive.trainer_module.losses.simsiam import simsiam_loss


def simsiam_reference(p_a: Any, p_b: Any, z_a: Any, z_b: Any) -> Any:
    return np.array([-cosine(p, z) for p, z in zip([*p_a, *p_b], [*z_b, *z_a], strict=True)])


def byol_reference(q_a: Any, q_b: Any, t_a: Any, t_b: Any) -> Any:
    pairs = zip([*q_a, *q_b], [*t_b, *t_a], strict=True)
    return np.array([np.sum((q / np.linalg.norm(q) - t / np.linalg.norm(t)) ** 2) for q, t in pairs])


each_loss = pytest.mark.parametrize(
    ("loss", "reference"), [(simsiam_loss, simsiam_reference), (byol_loss, byol_reference)]
)
TARGETS = views(seed=8)


@each_loss
def test_equals_the_equation(loss: Any, reference: Any) -> None:
    np.testing.assert_allclose(loss(*views(), *TARGETS), reference(*views(), *TARGETS), rtol=1e-4, atol=1e-6)


@each_loss
def test_gradient_of_predictions(loss: Any, reference: Any) -> None:
    targets = [tf.constant(t, tf.float32) for t in TARGETS]
    check_gradient(
        lambda a, b: loss(a, b, *targets), lambda a, b: float(reference(a, b, *TARGETS).mean()), *views()
    )


@each_loss
def test_targets_receive_no_gradient(loss: Any, reference: Any) -> None:
    predictions = [tf.constant(p, tf.float32) for p in views()]
    targets = [tf.constant(t, tf.float32) for t in TARGETS]
    with tf.GradientTape() as tape:
        tape.watch(targets)
        value = tf.reduce_mean(loss(*predictions, *targets))
    assert tape.gradient(value, targets) == [None, None]


@each_loss
def test_exchanging_the_views_exchanges_the_anchors(loss: Any, reference: Any) -> None:
    p_a, p_b = views()
    t_a, t_b = TARGETS
    np.testing.assert_allclose(
        np.roll(loss(p_a, p_b, t_a, t_b), len(p_a)), loss(p_b, p_a, t_b, t_a), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(("loss", "best", "worst"), [(simsiam_loss, -1, 1), (byol_loss, 0, 4)])
def test_parallel_and_opposite_vectors_have_the_closed_form(loss: Any, best: Any, worst: Any) -> None:
    z = tf.random.stateless_normal([5, 3], seed=[1, 2])
    np.testing.assert_allclose(loss(2 * z, 3 * z, z, z), [best] * 10, atol=1e-5)
    np.testing.assert_allclose(loss(-z, -z, z, z), [worst] * 10, atol=1e-5)


@each_loss
def test_refuses_targets_of_another_width(loss: Any, reference: Any) -> None:
    with pytest.raises(ValueError, match="same width"):
        loss(tf.ones([4, 3]), tf.ones([4, 3]), tf.ones([4, 5]), tf.ones([4, 5]))

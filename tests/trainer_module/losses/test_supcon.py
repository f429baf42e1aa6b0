from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.losses.references import check_gradient, cosine, views
from tfx_contrastive.trainer_module.losses.nt_xent import nt_xent_loss
from tfx_contrastive.trainer_module.losses.supcon import supcon_loss

LABELS = np.array([3, 0, -1, 3, -1, 0])


def reference(z_a: Any, z_b: Any, temperature: Any, labels: Any) -> Any:
    """Eq. 2 of SupCon, one positive at a time; float64 [2N]."""
    z, num, losses = np.concatenate([z_a, z_b]), len(z_a), []
    for i in range(2 * num):
        others = [k for k in range(2 * num) if k != i]
        partition = sum(np.exp(cosine(z[i], z[k]) / temperature) for k in others)
        label = labels[i % num]
        positives = [k for k in others if k % num == i % num or (label >= 0 and labels[k % num] == label)]
        terms = [np.log(np.exp(cosine(z[i], z[p]) / temperature) / partition) for p in positives]
        losses.append(-np.sum(terms) / len(positives))
    return np.array(losses)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("labels", [LABELS, np.zeros(6, int), np.arange(6), np.full(6, -1)])
def test_equals_the_equation(temperature: float, labels: Any) -> None:
    np.testing.assert_allclose(
        supcon_loss(*views(), temperature, labels),
        reference(*views(), temperature, labels),
        rtol=1e-4,
        atol=1e-5,
    )


def test_gradient() -> None:
    check_gradient(
        lambda a, b: supcon_loss(a, b, 0.5, LABELS),
        lambda a, b: float(reference(a, b, 0.5, LABELS).mean()),
        *views(),
    )


@pytest.mark.parametrize("labels", [None, np.full(6, -1), np.full(6, -1, np.int64)])
def test_without_labels_it_is_nt_xent(labels: Any) -> None:
    np.testing.assert_allclose(
        supcon_loss(*views(), 0.2, labels), nt_xent_loss(*views(), 0.2), rtol=1e-5, atol=1e-5
    )


def test_constant_embeddings_are_at_chance() -> None:
    z = tf.ones([6, 3])
    np.testing.assert_allclose(supcon_loss(z, z, 0.1, LABELS), [np.log(11)] * 12, rtol=1e-5)


def test_renaming_the_classes_changes_nothing() -> None:
    renamed = np.where(LABELS >= 0, 7 - LABELS, LABELS)
    np.testing.assert_array_equal(supcon_loss(*views(), 0.2, LABELS), supcon_loss(*views(), 0.2, renamed))


@pytest.mark.parametrize("labels", [np.zeros(6), np.zeros(5, int), np.zeros([6, 1], int)])
def test_refuses_labels_that_do_not_fit(labels: Any) -> None:
    with pytest.raises(ValueError, match="expected one integer per image"):
        supcon_loss(*views(), 0.2, labels)

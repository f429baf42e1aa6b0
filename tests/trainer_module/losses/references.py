"""Slow NumPy versions of what several objectives share, written as their papers write it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def views(num: int = 6, dim: int = 5, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Two correlated views, float64 [num, dim]."""
    rng = np.random.default_rng(seed)
    z_a = rng.normal(size=(num, dim))
    return z_a, z_a + 0.7 * rng.normal(size=(num, dim))


def uneven_views() -> tuple[NDArray[Any], NDArray[Any]]:
    """Two views of which some dimensions vary by less than VICReg's target of 1, some by more."""
    scale = np.array([0.2, 0.5, 1.0, 1.5, 2.0])
    z_a, z_b = views(num=8)
    return scale * z_a, scale * z_b


def cosine(x: NDArray[Any], y: NDArray[Any]) -> float:
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


DISTANCES: dict[str, Callable[[NDArray[Any], NDArray[Any]], float]] = {
    "euclidean": lambda x, y: float(np.sqrt(np.sum((x - y) ** 2))),
    "squared_euclidean": lambda x, y: float(np.sum((x - y) ** 2)),
    "manhattan": lambda x, y: float(np.sum(np.abs(x - y))),
    "cosine": lambda x, y: 1 - cosine(x, y),
}

# About the middle of the distances of `views`, so that some pairs are inside the margin and some are not.
MARGINS = {"euclidean": 2.5, "squared_euclidean": 8.0, "manhattan": 5.0, "cosine": 0.9}


def anchors(
    z_a: NDArray[Any], z_b: NDArray[Any]
) -> list[tuple[NDArray[Any], NDArray[Any], list[NDArray[Any]]]]:
    """(anchor, positive, negatives of the other view) for each of the 2N anchors, view a first."""
    found = []
    for own, other in ((z_a, z_b), (z_b, z_a)):
        for i in range(len(own)):
            found.append((own[i], other[i], [other[j] for j in range(len(own)) if j != i]))
    return found


def check_gradient(
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    reference: Callable[[NDArray[Any], NDArray[Any]], float],
    z_a: NDArray[Any],
    z_b: NDArray[Any],
    tolerance: float = 2e-4,
) -> None:
    """The gradient of `loss` (float32, automatic) equals central differences of `reference` (float64)."""
    tensors = [tf.constant(z_a, tf.float32), tf.constant(z_b, tf.float32)]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = tf.reduce_mean(loss(*tensors))
    gradients = tape.gradient(value, tensors, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    for which, got in enumerate(gradients):
        np.testing.assert_allclose(got, _differences(reference, [z_a, z_b], which), atol=tolerance)


def _differences(
    reference: Callable[[NDArray[Any], NDArray[Any]], float], arguments: list[NDArray[Any]], which: int
) -> NDArray[Any]:
    step, result = 1e-5, np.zeros_like(arguments[which])
    for index in np.ndindex(*result.shape):
        ends = []
        for sign in (step, -step):
            moved = [argument.copy() for argument in arguments]
            moved[which][index] += sign
            ends.append(reference(moved[0], moved[1]))
        result[index] = (ends[0] - ends[1]) / (2 * step)
    return result

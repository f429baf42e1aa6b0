"""Distances between vectors: of rows with each other, and of all pairs."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.catalog import ALL_DISTANCES
from tfx_contrastive.trainer_module.losses.manhattan import pairwise_manhattan


def paired_distance(x: tf.Tensor, y: tf.Tensor, distance: str) -> tf.Tensor:
    """Distance of row i of `x` to row i of `y`.

    Args:
        x: float32 [N, D].
        y: float32 [N, D].
        distance: One of `catalog.ALL_DISTANCES`. `cosine` is 1 - cosine similarity, in [0, 2]; the others
            take the vectors as they are, not normalised.

    Returns:
        float32 [N], not negative; gradients are finite everywhere (0 where `euclidean` has a cusp).

    Raises:
        ValueError: If there is no such distance.
    """
    if distance == "euclidean":
        return safe_sqrt(tf.reduce_sum(tf.math.squared_difference(x, y), axis=1))
    if distance == "squared_euclidean":
        return tf.reduce_sum(tf.math.squared_difference(x, y), axis=1)
    if distance == "manhattan":
        return tf.reduce_sum(tf.abs(x - y), axis=1)
    if distance == "cosine":
        x, y = tf.math.l2_normalize(x, axis=1), tf.math.l2_normalize(y, axis=1)
        return tf.maximum(1.0 - tf.reduce_sum(x * y, axis=1), 0.0)
    raise _unknown(distance)


def pairwise_distance(x: tf.Tensor, y: tf.Tensor, distance: str) -> tf.Tensor:
    """Distance of each row of `x` to each row of `y`; one matrix product, except for `manhattan`.

    Args:
        x: float32 [N, D].
        y: float32 [M, D].
        distance: As in `paired_distance`.

    Returns:
        float32 [N, M], not negative.

    Raises:
        ValueError: If there is no such distance.
    """
    if distance == "euclidean":
        return safe_sqrt(_squared_euclidean(x, y))
    if distance == "squared_euclidean":
        return _squared_euclidean(x, y)
    if distance == "manhattan":
        return pairwise_manhattan(x, y)
    if distance == "cosine":
        x, y = tf.math.l2_normalize(x, axis=1), tf.math.l2_normalize(y, axis=1)
        return tf.maximum(1.0 - tf.matmul(x, y, transpose_b=True), 0.0)
    raise _unknown(distance)


def safe_sqrt(x: tf.Tensor) -> tf.Tensor:
    """Square root whose gradient at 0 is 0, not infinite.

    The inner `where` matters: infinity times the outer one's zero would be NaN.
    """
    positive = x > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, x, 1.0)), 0.0)


def _squared_euclidean(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    # |x|^2 - 2xy + |y|^2 cancels badly far from the origin. Distances don't change when all vectors
    # move alike, so move their mean there; it is a constant, so gradients don't change either.
    centre = tf.stop_gradient(tf.reduce_mean(x, axis=0, keepdims=True))
    x, y = x - centre, y - centre
    norms_x = tf.reduce_sum(tf.square(x), axis=1)[:, None]
    norms_y = tf.reduce_sum(tf.square(y), axis=1)[None, :]
    return tf.maximum(norms_x + norms_y - tf.matmul(2.0 * x, y, transpose_b=True), 0.0)


def _unknown(distance: str) -> ValueError:
    return ValueError(f"there is no distance {distance!r}: choose one of {', '.join(ALL_DISTANCES)}")

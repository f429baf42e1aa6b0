"""Seeded random numbers, one per image of the batch.

Every augmentation takes a `seed`, int32 [2], and draws with `tf.random.stateless_*`: the same seed always
gives the same view.
"""

import tensorflow as tf


def fold_in(seed: tf.Tensor, data: int | tf.Tensor) -> tf.Tensor:
    """Return a new seed, int32 [2], derived from `seed`, int32 [2], and the integer `data`."""
    return tf.random.fold_in(seed, tf.cast(data, tf.int32))


def uniform(seed: tf.Tensor, rows: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Draw float32 [rows], uniform in [low, high)."""
    return tf.random.stateless_uniform([rows], seed, low, high)


def log_uniform(seed: tf.Tensor, rows: tf.Tensor, high: float) -> tf.Tensor:
    """Draw float32 [rows] in [1 / high, high], with a uniform logarithm."""
    limit = tf.math.log(high)
    return tf.exp(tf.random.stateless_uniform([rows], seed, -limit, limit))


def chosen(seed: tf.Tensor, rows: tf.Tensor, probability: float) -> tf.Tensor:
    """Draw float32 [rows], 1 with the given probability, else 0."""
    return tf.cast(tf.random.stateless_uniform([rows], seed) < probability, tf.float32)


def per_image(values: tf.Tensor) -> tf.Tensor:
    """Reshape [B] to [B, 1, 1, 1], to combine with images."""
    return values[:, tf.newaxis, tf.newaxis, tf.newaxis]

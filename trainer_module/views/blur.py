"""Gaussian blur of a batch, each image with its own strength."""

import math

import tensorflow as tf

from tfx_contrastive.trainer_module.view_steps import Blur
from tfx_contrastive.trainer_module.views.random import chosen, fold_in, uniform


def blur(images: tf.Tensor, step: Blur, seed: tf.Tensor) -> tf.Tensor:
    """Blurs by two one-dimensional passes, written as products with band matrices [B, H, H] and [B, W, W].

    A convolution with one kernel an image would be a grouped convolution, which is slow on a CPU.

    Args:
        images: float32 [B, H, W, C], H and W known.
        step: Range of the standard deviation.
        seed: int32 [2].

    Returns:
        float32 [B, H, W, C].
    """
    rows = tf.shape(images)[0]
    height, width = images.shape[1], images.shape[2]
    side = min(height, width)
    sigma = side * uniform(fold_in(seed, 0), rows, step.min_sigma, step.max_sigma)  # pixels
    some = chosen(fold_in(seed, 1), rows, step.probability) > 0
    sigma = tf.where(some, sigma, 1e-3)  # so narrow that the product is the identity
    vertical, horizontal = _band(sigma, height), _band(sigma, width)
    flat = tf.reshape(images, [rows, height, -1])  # [B, H, W*C]
    down = tf.reshape(tf.matmul(vertical, flat), tf.shape(images))
    across = tf.einsum("bvw,bhwc->bhvc", horizontal, down)
    return tf.ensure_shape(across, images.shape)


def _band(sigma: tf.Tensor, length: int) -> tf.Tensor:
    """Row-normalised Gaussian weights between positions, float32 [B, length, length]."""
    position = tf.range(length, dtype=tf.float32)
    distance = tf.square(position[:, tf.newaxis] - position)
    logits = -distance / (2.0 * tf.square(sigma)[:, tf.newaxis, tf.newaxis])
    return tf.nn.softmax(tf.maximum(logits, -1.0 / math.ulp(1.0)), axis=-1)

"""Random erasing (arXiv:1708.04896): one rectangle of an image is filled with the image's mean."""

import tensorflow as tf

from tfx_contrastive.trainer_module.view_steps import Cutout
from tfx_contrastive.trainer_module.views.random import chosen, fold_in, log_uniform, uniform

_MAX_ASPECT_RATIO = 3.0


def cutout(images: tf.Tensor, step: Cutout, seed: tf.Tensor) -> tf.Tensor:
    """Erases one rectangle an image.

    Args:
        images: float32 [B, H, W, C], H and W known.
        step: Range of the rectangle's area.
        seed: int32 [2].

    Returns:
        float32 [B, H, W, C].
    """
    rows = tf.shape(images)[0]
    area = uniform(fold_in(seed, 0), rows, step.min_area, step.max_area)
    ratio = tf.sqrt(log_uniform(fold_in(seed, 1), rows, _MAX_ASPECT_RATIO))
    some = chosen(fold_in(seed, 2), rows, step.probability)
    inside_y = _interval(fold_in(seed, 3), some * tf.sqrt(area) / ratio, images.shape[1])  # [B, H]
    inside_x = _interval(fold_in(seed, 4), some * tf.sqrt(area) * ratio, images.shape[2])  # [B, W]
    mask = (inside_y[:, :, tf.newaxis] & inside_x[:, tf.newaxis, :])[..., tf.newaxis]  # [B, H, W, 1]
    return tf.where(mask, tf.reduce_mean(images, axis=[1, 2], keepdims=True), images)


def _interval(seed: tf.Tensor, share: tf.Tensor, length: int) -> tf.Tensor:
    """Which of `length` positions lie in a random interval of the given share of them, bool [B, length]."""
    share = tf.minimum(share, 1.0)
    start = uniform(seed, tf.shape(share)[0], 0.0, 1.0) * (1.0 - share)
    position = (tf.range(length, dtype=tf.float32) + 0.5) / length
    return (position >= start[:, tf.newaxis]) & (position < (start + share)[:, tf.newaxis])

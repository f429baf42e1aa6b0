"""Brightness, contrast, gamma, solarisation and noise: any number of channels, pixels in [0, 1]."""

import tensorflow as tf

from tfx_contrastive.trainer_module.view_steps import Brightness, Contrast, Gamma, Noise, Solarize
from tfx_contrastive.trainer_module.views.random import chosen, fold_in, log_uniform, per_image, uniform


def brightness(images: tf.Tensor, step: Brightness, seed: tf.Tensor) -> tf.Tensor:
    """Adds one offset to all pixels of an image. Images float32 [B, H, W, C], seed int32 [2]."""
    rows = tf.shape(images)[0]
    delta = uniform(fold_in(seed, 0), rows, -step.max_delta, step.max_delta)
    return images + per_image(delta * chosen(fold_in(seed, 1), rows, step.probability))


def contrast(images: tf.Tensor, step: Contrast, seed: tf.Tensor) -> tf.Tensor:
    """Stretches each channel around its mean. Images float32 [B, H, W, C], seed int32 [2]."""
    rows = tf.shape(images)[0]
    change = uniform(fold_in(seed, 0), rows, -step.max_change, step.max_change)
    factor = 1.0 + per_image(change * chosen(fold_in(seed, 1), rows, step.probability))
    mean = tf.reduce_mean(images, axis=[1, 2], keepdims=True)  # [B, 1, 1, C]
    return images * factor + mean * (1.0 - factor)


def gamma(images: tf.Tensor, step: Gamma, seed: tf.Tensor) -> tf.Tensor:
    """Raises pixels to a power. Images float32 [B, H, W, C], seed int32 [2]."""
    rows = tf.shape(images)[0]
    exponent = log_uniform(fold_in(seed, 0), rows, step.max_gamma)
    some = chosen(fold_in(seed, 1), rows, step.probability)
    exponent = some * exponent + (1.0 - some)
    # Above 0: the gradient and the logarithm of 0 are infinite, and earlier steps may leave [0, 1].
    return tf.pow(tf.clip_by_value(images, 1e-6, 1.0), per_image(exponent))


def solarize(images: tf.Tensor, step: Solarize, seed: tf.Tensor) -> tf.Tensor:
    """Inverts pixels at or above the threshold. Images float32 [B, H, W, C], seed int32 [2]."""
    some = per_image(chosen(seed, tf.shape(images)[0], step.probability)) > 0
    return tf.where(some & (images >= step.threshold), 1.0 - images, images)


def noise(images: tf.Tensor, step: Noise, seed: tf.Tensor) -> tf.Tensor:
    """Adds Gaussian noise of a random strength. Images float32 [B, H, W, C], seed int32 [2]."""
    rows = tf.shape(images)[0]
    stddev = uniform(fold_in(seed, 0), rows, 0.0, step.max_stddev)
    stddev *= chosen(fold_in(seed, 1), rows, step.probability)
    return images + per_image(stddev) * tf.random.stateless_normal(tf.shape(images), fold_in(seed, 2))

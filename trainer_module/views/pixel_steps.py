"""Steps that change pixel values: intensity, color, blur and cutout; and the random draws of all steps.

Steps draw one number per image from a `seed`, int32 [2], with `tf.random.stateless_*`: the same seed always
gives the same view. Pixels are in [0, 1].
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_contrastive.trainer_module.config import (
    Blur,
    Brightness,
    ColorJitter,
    Contrast,
    Cutout,
    Gamma,
    Grayscale,
    Noise,
    Solarize,
    Step,
)


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


def brightness(images: tf.Tensor, step: Brightness, seed: tf.Tensor) -> tf.Tensor:
    """Add one random offset to all pixels of an image. Images float32 [B, H, W, C], seed int32 [2]."""
    rows = tf.shape(images)[0]
    delta = uniform(fold_in(seed, 0), rows, -step.max_delta, step.max_delta)
    return images + per_image(delta * chosen(fold_in(seed, 1), rows, step.probability))


def contrast(images: tf.Tensor, step: Contrast, seed: tf.Tensor) -> tf.Tensor:
    """Stretch each channel around its mean. Images float32 [B, H, W, C], seed int32 [2]."""
    rows = tf.shape(images)[0]
    change = uniform(fold_in(seed, 0), rows, -step.max_change, step.max_change)
    factor = 1.0 + per_image(change * chosen(fold_in(seed, 1), rows, step.probability))
    mean = tf.reduce_mean(images, axis=[1, 2], keepdims=True)  # [B, 1, 1, C]
    return images * factor + mean * (1.0 - factor)


def gamma(images: tf.Tensor, step: Gamma, seed: tf.Tensor) -> tf.Tensor:
    """Raise pixels to a random power. Images float32 [B, H, W, C], seed int32 [2]."""
    rows = tf.shape(images)[0]
    exponent = log_uniform(fold_in(seed, 0), rows, step.max_gamma)
    some = chosen(fold_in(seed, 1), rows, step.probability)
    exponent = some * exponent + (1.0 - some)
    # Clip above 0, where gradient and logarithm are infinite; earlier steps may leave [0, 1].
    return tf.pow(tf.clip_by_value(images, 1e-6, 1.0), per_image(exponent))


def solarize(images: tf.Tensor, step: Solarize, seed: tf.Tensor) -> tf.Tensor:
    """Invert pixels at or above the threshold. Images float32 [B, H, W, C], seed int32 [2]."""
    some = per_image(chosen(seed, tf.shape(images)[0], step.probability)) > 0
    return tf.where(some & (images >= step.threshold), 1.0 - images, images)


def noise(images: tf.Tensor, step: Noise, seed: tf.Tensor) -> tf.Tensor:
    """Add Gaussian noise of a random strength. Images float32 [B, H, W, C], seed int32 [2]."""
    rows = tf.shape(images)[0]
    stddev = uniform(fold_in(seed, 0), rows, 0.0, step.max_stddev)
    stddev *= chosen(fold_in(seed, 1), rows, step.probability)
    return images + per_image(stddev) * tf.random.stateless_normal(tf.shape(images), fold_in(seed, 2))


_RGB_TO_YIQ = np.array(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], np.float32
)
_YIQ_TO_RGB = np.linalg.inv(_RGB_TO_YIQ).astype(np.float32)


def color_jitter(images: tf.Tensor, step: ColorJitter, seed: tf.Tensor) -> tf.Tensor:
    """Change saturation and hue. Images float32 [B, H, W, 3 or 4], seed int32 [2].

    Both are linear maps in the YIQ color space, so that a batch costs one small matrix product;
    `tf.image.adjust_hue` would convert each image to HSV. A fourth channel stays unchanged.
    """
    rows = tf.shape(images)[0]
    some = chosen(fold_in(seed, 0), rows, step.probability)
    saturation = 1.0 + some * uniform(fold_in(seed, 1), rows, -step.max_saturation, step.max_saturation)
    limit = 2.0 * math.pi * step.max_hue
    angle = some * uniform(fold_in(seed, 2), rows, -limit, limit)
    cos, sin = saturation * tf.cos(angle), saturation * tf.sin(angle)
    zero, one = tf.zeros_like(cos), tf.ones_like(cos)
    turn = tf.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], axis=1)
    matrix = _YIQ_TO_RGB @ tf.reshape(turn, [rows, 3, 3]) @ _RGB_TO_YIQ  # [B, 3, 3]
    flat = tf.reshape(images[..., :3], [rows, -1, 3])
    colored = tf.reshape(tf.matmul(flat, matrix, transpose_b=True), tf.shape(images[..., :3]))
    return tf.concat([colored, images[..., 3:]], axis=-1)


def grayscale(images: tf.Tensor, step: Grayscale, seed: tf.Tensor) -> tf.Tensor:
    """Replace colors by their luminance. Images float32 [B, H, W, 3 or 4], seed int32 [2]."""
    some = per_image(chosen(seed, tf.shape(images)[0], step.probability))
    colors = images[..., :3]
    luma = tf.reduce_sum(colors * _RGB_TO_YIQ[0], axis=-1, keepdims=True)
    return tf.concat([colors + some * (luma - colors), images[..., 3:]], axis=-1)


def blur(images: tf.Tensor, step: Blur, seed: tf.Tensor) -> tf.Tensor:
    """Blur each image with its own strength, by products with the matrices [B, H, H] and [B, W, W].

    A convolution with one kernel per image would be a grouped convolution, which is slow on a CPU.

    Args:
        images: float32 [B, H, W, C]; H and W are known.
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
    sigma = tf.where(some, sigma, 1e-3)  # so narrow that the matrices are identities
    vertical, horizontal = _band(sigma, height), _band(sigma, width)
    flat = tf.reshape(images, [rows, height, -1])  # [B, H, W*C]
    down = tf.reshape(tf.matmul(vertical, flat), tf.shape(images))
    across = tf.einsum("bvw,bhwc->bhvc", horizontal, down)
    return tf.ensure_shape(across, images.shape)


def _band(sigma: tf.Tensor, length: int) -> tf.Tensor:
    """Return Gaussian weights between positions, normalized per row: float32 [B, length, length]."""
    position = tf.range(length, dtype=tf.float32)
    distance = tf.square(position[:, tf.newaxis] - position)
    logits = -distance / (2.0 * tf.square(sigma)[:, tf.newaxis, tf.newaxis])
    return tf.nn.softmax(tf.maximum(logits, -1.0 / math.ulp(1.0)), axis=-1)


_MAX_ASPECT_RATIO = 3.0


def cutout(images: tf.Tensor, step: Cutout, seed: tf.Tensor) -> tf.Tensor:
    """Fill one random rectangle per image with the image's mean (random erasing, arXiv:1708.04896).

    Args:
        images: float32 [B, H, W, C]; H and W are known.
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
    """Draw an interval over a share of `length` positions; return its positions as bool [B, length]."""
    share = tf.minimum(share, 1.0)
    start = uniform(seed, tf.shape(share)[0], 0.0, 1.0) * (1.0 - share)
    position = (tf.range(length, dtype=tf.float32) + 0.5) / length
    return (position >= start[:, tf.newaxis]) & (position < (start + share)[:, tf.newaxis])


# The function of each step that changes pixel values: images float32 [B, H, W, C], step, seed int32 [2].
PIXEL_STEPS: dict[type[Step], Callable[[tf.Tensor, Any, tf.Tensor], tf.Tensor]] = {
    Brightness: brightness,
    Contrast: contrast,
    Gamma: gamma,
    Solarize: solarize,
    Noise: noise,
    ColorJitter: color_jitter,
    Grayscale: grayscale,
    Blur: blur,
    Cutout: cutout,
}

"""Colour jitter and greyscale: red, green and blue, pixels in [0, 1]. A fourth channel is left alone.

Saturation and hue are linear maps in the YIQ space of television, so that a batch costs one small
matrix product; `tf.image.adjust_hue` would go through HSV, image by image.
"""

import math

import numpy as np
import tensorflow as tf

from tfx_contrastive.trainer_module.view_steps import ColorJitter, Greyscale
from tfx_contrastive.trainer_module.views.random import chosen, fold_in, per_image, uniform

_RGB_TO_YIQ = np.array(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], np.float32
)
_YIQ_TO_RGB = np.linalg.inv(_RGB_TO_YIQ).astype(np.float32)


def color_jitter(images: tf.Tensor, step: ColorJitter, seed: tf.Tensor) -> tf.Tensor:
    """Changes saturation and hue. Images float32 [B, H, W, 3 or 4], seed int32 [2]."""
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


def greyscale(images: tf.Tensor, step: Greyscale, seed: tf.Tensor) -> tf.Tensor:
    """Replaces colours by their luminance. Images float32 [B, H, W, 3 or 4], seed int32 [2]."""
    some = per_image(chosen(seed, tf.shape(images)[0], step.probability))
    colors = images[..., :3]
    luma = tf.reduce_sum(colors * _RGB_TO_YIQ[0], axis=-1, keepdims=True)
    return tf.concat([colors + some * (luma - colors), images[..., 3:]], axis=-1)

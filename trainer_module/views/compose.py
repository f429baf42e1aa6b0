"""From a policy to views.

Adjacent geometric steps (crop, flip, rotation, translation) are merged into one resampling of the batch; all
other steps are applied one after the other.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfx_contrastive.trainer_module.config import (
    Crop,
    Flip,
    Rotate,
    SmallViewsConfig,
    Step,
    Translate,
    ViewsConfig,
    check_policy,
)
from tfx_contrastive.trainer_module.views.pixel_steps import (
    PIXEL_STEPS,
    chosen,
    fold_in,
    log_uniform,
    uniform,
)


def make_view(
    images: tf.Tensor, policy: Sequence[Step], seed: tf.Tensor, size: tuple[int, int] | None = None
) -> tf.Tensor:
    """Return one random view of each image.

    Args:
        images: uint8 or float [B, H, W, C], pixels from 0 to 255; H, W and C are known.
        policy: Steps in their order.
        seed: int32 [2]; the same seed gives the same views.
        size: Height and width of the views; None: those of the images.

    Returns:
        float32 [B, size[0], size[1], C], pixels from 0 to 255, not rounded.

    Raises:
        ValueError: If the policy has color steps and the images have no colors.
    """
    check_policy(policy, images.shape[-1])
    if size is not None and size != (images.shape[1], images.shape[2]):
        policy = _with_resize(policy)
    views = tf.cast(images, tf.float32) * (1.0 / 255.0)
    index = 0
    for geometric, group in itertools.groupby(policy, key=lambda step: isinstance(step, _GEOMETRIC)):
        steps = list(group)
        if geometric:
            views = resample(views, steps, fold_in(seed, index), size)
        else:
            for offset, step in enumerate(steps):
                views = PIXEL_STEPS[type(step)](views, step, fold_in(seed, index + offset))
        index += len(steps)
    return tf.clip_by_value(views, 0.0, 1.0) * 255.0


def make_views(images: tf.Tensor, config: ViewsConfig, seed: tf.Tensor) -> list[tf.Tensor]:
    """Return all views of a batch: two large ones, then the small ones of multi-crop.

    Args:
        images: uint8 or float [B, H, W, C], pixels from 0 to 255.
        config: Policy and number of small views.
        seed: int32 [2].

    Returns:
        List of float32 [B, h, w, C], pixels from 0 to 255; the first two have the size of the images.
    """
    small = config.small
    size = small_view_size(small, images.shape[1:])
    window = Crop(min_area=small.min_area, max_area=small.max_area)
    small_policy = (window, *(step for step in config.policy if not isinstance(step, Crop)))
    views = [make_view(images, config.policy, fold_in(seed, index)) for index in range(2)]
    views += [make_view(images, small_policy, fold_in(seed, 2 + index), size) for index in range(small.count)]
    return views


def small_view_size(config: SmallViewsConfig, image_shape: Sequence[int]) -> tuple[int, int]:
    """Return height and width of the small views of images of [height, width, channels]; at least 8 each."""
    height, width = (max(8, round(side * config.size)) for side in image_shape[:2])
    return height, width


def _with_resize(policy: Sequence[Step]) -> Sequence[Step]:
    """Return the policy with a geometric step at its start, which resizes the images."""
    whole_image = Crop(min_area=1.0, max_area=1.0, max_aspect_ratio=1.0)
    return policy if policy and isinstance(policy[0], _GEOMETRIC) else (whole_image, *policy)


def resample(
    images: tf.Tensor, steps: Sequence[Step], seed: tf.Tensor, size: tuple[int, int] | None = None
) -> tf.Tensor:
    """Apply all geometric steps to a batch with one bilinear resampling.

    Each step is a 3x3 matrix that maps homogeneous coordinates of the output to those of the input; both are
    centered and range over [-1, 1]. Steps are applied in the order of the policy, so that their product is
    M_1 M_2 … M_k: the last step is nearest to the output.

    Args:
        images: float32 [B, H, W, C].
        steps: Geometric steps in the order of the policy.
        seed: int32 [2].
        size: Height and width of the result; None: those of the images.

    Returns:
        float32 [B, size[0], size[1], C]. Pixels beyond the border are 0 after a translation or rotation; a
        crop never reads beyond the border.
    """
    shape = tf.shape(images)
    rows, height, width = shape[0], tf.cast(shape[1], tf.float32), tf.cast(shape[2], tf.float32)
    out_height, out_width = size or (images.shape[1], images.shape[2])
    # Pixel centers: u = x * scale + offset maps [0, w-1] to the centered unit square.
    to_unit = _matrix(
        2.0 / out_width, 0.0, 1.0 / out_width - 1.0, 0.0, 2.0 / out_height, 1.0 / out_height - 1.0
    )
    to_pixel = _matrix(width / 2, 0.0, (width - 1) / 2, 0.0, height / 2, (height - 1) / 2)
    matrix = tf.tile(to_pixel[tf.newaxis], [rows, 1, 1])
    for index, step in enumerate(steps):
        matrix = tf.matmul(matrix, _MATRICES[type(step)](step, rows, width / height, fold_in(seed, index)))
    matrix = tf.matmul(matrix, to_unit)  # [B, 3, 3]; the last row stays (0, 0, 1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.reshape(matrix, [rows, 9])[:, :8],
        output_shape=tf.constant([out_height, out_width]),
        interpolation="BILINEAR",
        fill_mode="CONSTANT" if _leaves_the_image(steps) else "NEAREST",
        fill_value=0.0,
    )


def _leaves_the_image(steps: Sequence[Step]) -> bool:
    return any(isinstance(step, Rotate | Translate) for step in steps)


def _matrix(a: object, b: object, c: object, d: object, e: object, f: object) -> tf.Tensor:
    """Return the affine matrix [[a, b, c], [d, e, f], [0, 0, 1]], or a batch of them from [B] tensors."""
    values = [tf.convert_to_tensor(value, tf.float32) for value in (a, b, c, d, e, f, 0.0, 0.0, 1.0)]
    shape = tf.shape(sum(values))
    flat = tf.stack([tf.broadcast_to(value, shape) for value in values], axis=-1)
    return tf.reshape(flat, tf.concat([shape, [3, 3]], axis=0))


def _crop(step: Crop, rows: tf.Tensor, aspect: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return the matrix of a window of random area, aspect ratio and position inside the image."""
    del aspect  # the window's ratio is relative to the image's
    area = uniform(fold_in(seed, 0), rows, step.min_area, step.max_area)
    ratio = tf.sqrt(log_uniform(fold_in(seed, 1), rows, step.max_aspect_ratio))
    wide = tf.minimum(tf.sqrt(area) * ratio, 1.0)
    high = tf.minimum(tf.sqrt(area) / ratio, 1.0)
    x = uniform(fold_in(seed, 2), rows, -1.0, 1.0) * (1.0 - wide)
    y = uniform(fold_in(seed, 3), rows, -1.0, 1.0) * (1.0 - high)
    some = chosen(fold_in(seed, 4), rows, step.probability)
    return _matrix(1.0 + some * (wide - 1.0), 0.0, some * x, 0.0, 1.0 + some * (high - 1.0), some * y)


def _flip(step: Flip, rows: tf.Tensor, aspect: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    del aspect
    x = 1.0 - 2.0 * chosen(fold_in(seed, 0), rows, step.horizontal)
    y = 1.0 - 2.0 * chosen(fold_in(seed, 1), rows, step.vertical)
    return _matrix(x, 0.0, 0.0, 0.0, y, 0.0)


def _rotate(step: Rotate, rows: tf.Tensor, aspect: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    limit = math.radians(step.max_degrees)
    angle = uniform(fold_in(seed, 0), rows, -limit, limit) * chosen(fold_in(seed, 1), rows, step.probability)
    cos, sin = tf.cos(angle), tf.sin(angle)
    return _matrix(cos, -sin / aspect, 0.0, sin * aspect, cos, 0.0)


def _translate(step: Translate, rows: tf.Tensor, aspect: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    del aspect
    limit = 2.0 * step.max_fraction  # the unit square is 2 wide
    some = chosen(fold_in(seed, 2), rows, step.probability)
    x = uniform(fold_in(seed, 0), rows, -limit, limit) * some
    y = uniform(fold_in(seed, 1), rows, -limit, limit) * some
    return _matrix(1.0, 0.0, x, 0.0, 1.0, y)


_MATRICES: dict[type[Step], Callable[..., tf.Tensor]] = {
    Crop: _crop,
    Flip: _flip,
    Rotate: _rotate,
    Translate: _translate,
}
_GEOMETRIC = tuple(_MATRICES)

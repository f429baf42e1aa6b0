"""From a policy to views: adjacent geometric steps are merged, all other steps are applied in order."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfx_contrastive.trainer_module.config import (
    Blur,
    Brightness,
    ColorJitter,
    Contrast,
    Crop,
    Cutout,
    Gamma,
    Greyscale,
    Noise,
    SmallViewsConfig,
    Solarize,
    Step,
    ViewsConfig,
    check_policy,
)
from tfx_contrastive.trainer_module.views import pixel_steps
from tfx_contrastive.trainer_module.views.geometry import GEOMETRIC, resample
from tfx_contrastive.trainer_module.views.random import fold_in

_PIXEL_STEPS: dict[type[Step], Callable[[tf.Tensor, Any, tf.Tensor], tf.Tensor]] = {
    Brightness: pixel_steps.brightness,
    Contrast: pixel_steps.contrast,
    Gamma: pixel_steps.gamma,
    Solarize: pixel_steps.solarize,
    Noise: pixel_steps.noise,
    ColorJitter: pixel_steps.color_jitter,
    Greyscale: pixel_steps.greyscale,
    Blur: pixel_steps.blur,
    Cutout: pixel_steps.cutout,
}


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
    for geometric, group in itertools.groupby(policy, key=lambda step: isinstance(step, GEOMETRIC)):
        steps = list(group)
        if geometric:
            views = resample(views, steps, fold_in(seed, index), size)
        else:
            for offset, step in enumerate(steps):
                views = _PIXEL_STEPS[type(step)](views, step, fold_in(seed, index + offset))
        index += len(steps)
    return tf.clip_by_value(views, 0.0, 1.0) * 255.0


def make_views(images: tf.Tensor, config: ViewsConfig, seed: tf.Tensor) -> list[tf.Tensor]:
    """Return all views of a batch: two large ones, then the small ones of multi-crop.

    Args:
        images: uint8 or float [B, H, W, C], pixels from 0 to 255.
        config: Policy and number of small views.
        seed: int32 [2].

    Returns:
        List of float32 [B, h, w, C], pixels from 0 to 255; h, w = H, W for the first two.
    """
    small = config.small
    size = small_view_size(small, images.shape[1:])
    window = Crop(min_area=small.min_area, max_area=small.max_area)
    small_policy = (window, *(step for step in config.policy if not isinstance(step, Crop)))
    views = [make_view(images, config.policy, fold_in(seed, index)) for index in range(2)]
    views += [make_view(images, small_policy, fold_in(seed, 2 + index), size) for index in range(small.count)]
    return views


def small_view_size(config: SmallViewsConfig, image_shape: Sequence[int]) -> tuple[int, int]:
    """Return height and width of a small view of images of [height, width, channels]; at least 8."""
    height, width = (max(8, round(side * config.size)) for side in image_shape[:2])
    return height, width


def _with_resize(policy: Sequence[Step]) -> Sequence[Step]:
    """Return the policy with a geometric step at its start, which resizes the images."""
    whole_image = Crop(min_area=1.0, max_area=1.0, max_aspect_ratio=1.0)
    return policy if policy and isinstance(policy[0], GEOMETRIC) else (whole_image, *policy)

"""From a policy to views: neighbouring geometric steps merged, the rest applied in order."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfx_contrastive.trainer_module import view_steps
from tfx_contrastive.trainer_module.config import SmallViewsConfig, ViewsConfig
from tfx_contrastive.trainer_module.view_steps import Step, check_policy
from tfx_contrastive.trainer_module.views import blur, color, cutout, intensity
from tfx_contrastive.trainer_module.views.geometry import GEOMETRIC, resample
from tfx_contrastive.trainer_module.views.random import fold_in

_PIXEL_STEPS: dict[type[Step], Callable[[tf.Tensor, Any, tf.Tensor], tf.Tensor]] = {
    view_steps.Brightness: intensity.brightness,
    view_steps.Contrast: intensity.contrast,
    view_steps.Gamma: intensity.gamma,
    view_steps.Solarize: intensity.solarize,
    view_steps.Noise: intensity.noise,
    view_steps.ColorJitter: color.color_jitter,
    view_steps.Greyscale: color.greyscale,
    view_steps.Blur: blur.blur,
    view_steps.Cutout: cutout.cutout,
}


def make_view(
    images: tf.Tensor, policy: Sequence[Step], seed: tf.Tensor, size: tuple[int, int] | None = None
) -> tf.Tensor:
    """One random view of each image.

    Args:
        images: uint8 or float [B, H, W, C], pixels from 0 to 255, H, W and C known.
        policy: Steps in their order.
        seed: int32 [2]; the same seed gives the same views.
        size: Height and width of the views; None: those of the images.

    Returns:
        float32 [B, size[0], size[1], C], pixels from 0 to 255, not rounded.
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
    """All views of a batch: two large ones, then the small ones of multi-crop.

    Args:
        images: uint8 or float [B, H, W, C], pixels from 0 to 255.
        config: Policy and number of small views.
        seed: int32 [2].

    Returns:
        List of float32 [B, h, w, C], pixels from 0 to 255: h, w = H, W for the first two.
    """
    small = config.small
    size = small_view_size(small, images.shape[1:])
    window = view_steps.Crop(min_area=small.min_area, max_area=small.max_area)
    small_policy = (window, *(step for step in config.policy if not isinstance(step, view_steps.Crop)))
    views = [make_view(images, config.policy, fold_in(seed, index)) for index in range(2)]
    views += [make_view(images, small_policy, fold_in(seed, 2 + index), size) for index in range(small.count)]
    return views


def small_view_size(config: SmallViewsConfig, image_shape: Sequence[int]) -> tuple[int, int]:
    """Height and width of a small view of images of [height, width, channels]; 8 at least."""
    height, width = (max(8, round(side * config.size)) for side in image_shape[:2])
    return height, width


def _with_resize(policy: Sequence[Step]) -> Sequence[Step]:
    """The policy with a geometric step at its head, so that there is one in which to resize."""
    whole_image = view_steps.Crop(min_area=1.0, max_area=1.0, max_aspect_ratio=1.0)
    return policy if policy and isinstance(policy[0], GEOMETRIC) else (whole_image, *policy)

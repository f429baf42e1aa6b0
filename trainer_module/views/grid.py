"""A picture of views, for a person to look at before training for hours."""

import math

import numpy as np
import tensorflow as tf

from trainer_module.config import ViewsConfig
from trainer_module.views.compose import make_views
from trainer_module.views.random import fold_in

_GAP = 2
_PAPER = 255


def view_grid(images: np.ndarray, config: ViewsConfig, seed: int, draws: int = 4) -> np.ndarray:
    """Lays out images with views of each: a row an image, the image itself first.

    Args:
        images: uint8 [N, H, W, C].
        config: Policy; small views are shown in their own size.
        seed: Seed of the views, not negative.
        draws: How often all views of an image are drawn.

    Returns:
        uint8 [rows of pixels, columns of pixels, C].
    """
    columns = [images]
    for draw in range(draws):
        views = make_views(tf.constant(images), config, fold_in(tf.constant([seed, draw]), 0))
        columns += [np.round(view.numpy()).astype(np.uint8) for view in views]
    framed = [_frame(column, images.shape[1]) for column in columns]
    grid = np.concatenate(framed, axis=2)  # [N, H + gap, all columns, C]
    return grid.reshape(-1, *grid.shape[2:])


def _frame(tiles: np.ndarray, height: int) -> np.ndarray:
    """Adds paper around tiles, so that they are `height` high and apart from their neighbours."""
    missing = height - tiles.shape[1]
    above = missing // 2
    sides = ((0, 0), (above, math.ceil(missing / 2) + _GAP), (0, _GAP), (0, 0))
    return np.pad(tiles, sides, constant_values=_PAPER)

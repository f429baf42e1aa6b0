"""A picture of views, to inspect a policy before a long training."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tfx_contrastive.contract.drawing import fitting_text, paste_tile, picture_of, resized
from tfx_contrastive.trainer_module.config import ViewsConfig
from tfx_contrastive.trainer_module.views.compose import make_views
from tfx_contrastive.trainer_module.views.pixel_steps import fold_in

# Pixels of the picture.
_SIDE = 96  # small images are enlarged to about this, large ones reduced
_GAP, _MARGIN, _HEADING, _CAPTION = 6, 14, 20, 18
_PAPER, _INK, _QUIET = "#eceff3", "#1b2230", "#566074"
_TILE_GROUND = "#c9ced6"  # seen through transparent pixels


@dataclasses.dataclass(frozen=True)
class ViewColumns:
    """Images and their views.

    Attributes:
        images: uint8 [N, H, W, C].
        draws: The views of each draw, each uint8 [N, h, w, C]: two large ones, then the small ones.
    """

    images: NDArray[Any]
    draws: tuple[tuple[NDArray[Any], ...], ...]


def draw_views(images: NDArray[Any], config: ViewsConfig, seed: int, num_draws: int) -> ViewColumns:
    """Draw all views of each image several times.

    Args:
        images: uint8 [N, H, W, C].
        config: Policy and small views.
        seed: Seed of the views, not negative.
        num_draws: Number of draws.

    Raises:
        ValueError: If the policy has color steps and the images have no colors.
    """
    draws = []
    for draw in range(num_draws):
        views = make_views(tf.constant(images), config, fold_in(tf.constant([seed, draw]), 0))
        draws.append(tuple(np.rint(view.numpy()).astype(np.uint8) for view in views))
    return ViewColumns(images, tuple(draws))


def view_grid(columns: ViewColumns, captions: Sequence[str]) -> Image.Image:
    """Draw one row per image: the image, then each draw of its views, with a gap between draws.

    Args:
        columns: Images and views.
        captions: One short text per image, which is drawn below it.

    Returns:
        RGB image. Small images are enlarged without blurring, so that their pixels are visible.
    """
    scale = _scale(max(columns.images.shape[1:3]))
    groups: list[tuple[str, tuple[NDArray[Any], ...]]] = [("image", (columns.images,))]
    groups += [(f"views {number}", views) for number, views in enumerate(columns.draws, 1)]
    row_height = round(columns.images.shape[1] * scale)
    step = row_height + _CAPTION + _GAP
    top = _MARGIN + _HEADING
    font = ImageFont.load_default(12)
    grid = Image.new("RGB", (_width(groups, scale), top + len(captions) * step), _PAPER)
    draw = ImageDraw.Draw(grid)
    left = _MARGIN
    for heading, group in groups:
        draw.text((left, _MARGIN), heading, fill=_QUIET, font=font)
        for tiles in group:
            for row, pixels in enumerate(tiles):
                _paste(grid, pixels, scale, left, top + row * step, row_height)
            left += round(tiles.shape[2] * scale) + _GAP
        left += 2 * _GAP
    caption_width = round(columns.images.shape[2] * scale) + 2 * _GAP
    for row, caption in enumerate(captions):
        text = fitting_text(caption, caption_width, draw, font)
        draw.text((_MARGIN, top + row * step + row_height + 2), text, fill=_INK, font=font)
    return grid


def _width(groups: Sequence[tuple[str, tuple[NDArray[Any], ...]]], scale: float) -> int:
    tiles = sum(round(column.shape[2] * scale) + _GAP for _, group in groups for column in group)
    return 2 * _MARGIN + tiles - _GAP + 2 * _GAP * (len(groups) - 1)


def _scale(side: int) -> float:
    """Return the factor of the tiles; a whole number if it enlarges, so that all pixels have one size."""
    return max(1, round(_SIDE / side)) if side <= _SIDE else _SIDE / side


def _paste(grid: Image.Image, pixels: NDArray[Any], scale: float, left: int, top: int, height: int) -> None:
    """Paste a tile into its cell, vertically centered if it is smaller."""
    tile = picture_of(pixels)
    tile = resized(tile, (max(1, round(tile.width * scale)), max(1, round(tile.height * scale))))
    paste_tile(grid, tile, left, top + (height - tile.height) // 2, _TILE_GROUND)

from typing import Any

import numpy as np
import pytest
from PIL import Image

from tfx_contrastive.trainer_module.config import ViewsConfig
from tfx_contrastive.trainer_module.views.grid import draw_views, view_grid


def images(channels: int = 1, side: int = 16) -> Any:
    return np.random.default_rng(0).integers(0, 256, (3, side, side, channels), dtype=np.uint8)


NO_STEP = ViewsConfig.model_validate({"policy": [], "small": {"count": 1, "size": 0.5}})


def test_a_draw_is_two_large_views_then_small_ones() -> None:
    columns = draw_views(images(), NO_STEP, seed=0, num_draws=2)
    assert len(columns.draws) == 2
    for first, second, small in columns.draws:
        np.testing.assert_array_equal(first, images())  # without a step, large views are the image
        np.testing.assert_array_equal(second, images())
        assert small.shape == (3, 8, 8, 1)


def test_same_seed_same_views_another_draw_others() -> None:
    first, again = (draw_views(images(), ViewsConfig(), seed=4, num_draws=2) for _ in range(2))
    for views, repeated in zip(first.draws, again.draws, strict=True):
        np.testing.assert_array_equal(views, repeated)
    assert not np.array_equal(first.draws[0][0], first.draws[1][0])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pixels_are_enlarged_whole_and_stand_where_they_should(channels: int) -> None:
    pixels = images(channels)
    if channels == 4:
        pixels[..., 3] = 255
    grid = view_grid(draw_views(pixels, NO_STEP, seed=0, num_draws=1), ["a", "b", "c"])
    tile, gap, margin, heading, caption = 6 * 16, 6, 14, 20, 18
    step = tile + caption + gap
    assert grid.size == (2 * margin + 3 * tile + 48 + 3 * gap + 2 * gap, margin + heading + 3 * step)
    for row, image in enumerate(pixels):
        expected = Image.fromarray(image[..., 0] if channels == 1 else image).convert("RGB")
        expected = expected.resize((tile, tile), Image.Resampling.NEAREST)
        for left in (margin, margin + tile + 3 * gap, margin + 2 * tile + 4 * gap):
            top = margin + heading + row * step
            found = grid.crop((left, top, left + tile, top + tile))
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_a_large_image_is_reduced() -> None:
    large = images(side=200)
    grid = view_grid(draw_views(large, ViewsConfig(policy=()), seed=0, num_draws=1), ["a", "b", "c"])
    assert grid.width == 2 * 14 + 3 * 96 + 2 * 6 + 2 * 6

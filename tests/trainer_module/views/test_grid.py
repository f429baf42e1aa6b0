import numpy as np

from trainer_module.config import ViewsConfig
from trainer_module.views import view_grid

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)


def test_images_stand_first_and_views_follow():
    config = ViewsConfig.model_validate({"policy": [], "small": {"count": 1, "size": 0.5}})
    grid = view_grid(IMAGES, config, seed=0, draws=2)
    width = 18 + 2 * (18 + 18 + 10)
    assert grid.shape == (3 * 18, width, 1)
    for row, image in enumerate(IMAGES):
        for column in (0, 18, 36):  # without a step, large views are the image
            np.testing.assert_array_equal(grid[18 * row : 18 * row + 16, column : column + 16], image)
        assert np.all(grid[18 * row : 18 * row + 4, 54:64] == 255)  # paper above the small view


def test_same_seed_same_picture():
    first, again = (view_grid(IMAGES, ViewsConfig(), seed=4) for _ in range(2))
    np.testing.assert_array_equal(first, again)

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from tfx_contrastive.trainer_module import config as steps
from tfx_contrastive.trainer_module.config import SmallViewsConfig, ViewsConfig
from tfx_contrastive.trainer_module.views.compose import make_view, make_views

SEED = tf.constant([5, 6])
EVERY_STEP = (
    steps.Crop(), steps.Flip(), steps.Rotate(), steps.Brightness(), steps.Contrast(), steps.Gamma(),
    steps.Translate(), steps.Blur(), steps.Solarize(), steps.Noise(), steps.Cutout(),
)  # fmt: skip
COLOR_STEPS = (steps.ColorJitter(), steps.Grayscale())


def images(channels: int) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 256, (6, 16, 12, channels), dtype=np.uint8)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_step_for_any_channels(channels: int) -> None:
    policy = EVERY_STEP + (COLOR_STEPS if channels > 1 else ())
    view = tf.function(make_view)(images(channels), policy, SEED).numpy()
    assert view.shape == (6, 16, 12, channels)
    assert view.dtype == np.float32
    assert view.min() >= 0
    assert view.max() <= 255
    assert np.isfinite(view).all()


def test_no_step_no_change() -> None:
    np.testing.assert_allclose(make_view(images(3), (), SEED), images(3), atol=1e-4)


def test_same_seed_same_view_other_seed_other_view() -> None:
    first, again = (make_view(images(1), EVERY_STEP, SEED).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(make_view(images(1), EVERY_STEP, SEED + 1) - first).mean() > 5


def test_equal_steps_in_a_policy_draw_apart() -> None:
    one = steps.Brightness(max_delta=0.2, probability=1)
    gray = np.full((50, 8, 8, 1), 128, np.uint8)
    twice, once = (make_view(gray, policy, SEED)[:, 0, 0, 0] - 128.0 for policy in ((one, one), (one,)))
    assert abs(np.corrcoef(once, twice - once)[0, 1]) < 0.4


def test_the_two_views_differ_and_small_ones_follow() -> None:
    config = ViewsConfig(small=SmallViewsConfig(count=2, size=0.5))
    views = make_views(images(1), config, SEED)
    assert [tuple(view.shape) for view in views] == [(6, 16, 12, 1)] * 2 + [(6, 8, 8, 1)] * 2
    assert np.abs(views[0] - views[1]).mean() > 5


def test_resizing_without_a_geometric_step() -> None:
    view = make_view(np.full((2, 16, 16, 1), 77, np.uint8), (steps.Brightness(probability=0),), SEED, (9, 10))
    np.testing.assert_allclose(view, np.full((2, 9, 10, 1), 77), atol=1e-3)


def test_color_steps_are_refused_for_grey_images() -> None:
    with pytest.raises(ValueError, match=r"color_jitter, grayscale, but images have 1 channel"):
        make_view(images(1), COLOR_STEPS, SEED)


def test_policy_from_plain_data() -> None:
    config = ViewsConfig.model_validate({"policy": [{"name": "crop", "min_area": 0.5}, {"name": "noise"}]})
    assert config.policy == (steps.Crop(min_area=0.5), steps.Noise())
    with pytest.raises(ValueError, match="does not match any of the expected tags"):
        ViewsConfig.model_validate({"policy": [{"name": "crops"}]})

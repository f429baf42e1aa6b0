"""The geometric steps of a policy, merged into one resampling."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_contrastive.trainer_module.config import Crop, Flip, Rotate, Translate
from tfx_contrastive.trainer_module.views.compose import resample

SEED = tf.constant([1, 2])
IMAGES = tf.constant(np.random.default_rng(0).random((64, 12, 10, 2)), tf.float32)
WHOLE = Crop(min_area=1, max_area=1, max_aspect_ratio=1)


def test_whole_window_is_the_image() -> None:
    np.testing.assert_allclose(resample(IMAGES, [WHOLE], SEED), IMAGES, atol=1e-5)


@pytest.mark.parametrize(("step", "axis"), [(Flip(horizontal=1), 2), (Flip(horizontal=0, vertical=1), 1)])
def test_flip_is_exact(step: Flip, axis: int) -> None:
    np.testing.assert_allclose(resample(IMAGES, [step], SEED), np.flip(IMAGES, axis), atol=1e-5)


def test_half_are_flipped() -> None:
    flipped = resample(IMAGES, [Flip()], SEED).numpy()
    same = np.isclose(flipped, IMAGES, atol=1e-5).all(axis=(1, 2, 3))
    mirrored = np.isclose(flipped, np.flip(IMAGES, 2), atol=1e-5).all(axis=(1, 2, 3))
    assert np.all(same ^ mirrored)
    assert 20 <= mirrored.sum() <= 44


def test_crop_stays_inside_and_has_the_area() -> None:
    # On a ramp, a crop is a ramp: its ends tell where the window was.
    ramp = tf.tile(tf.linspace(0.5, 99.5, 100)[tf.newaxis, tf.newaxis, :, tf.newaxis], [256, 100, 1, 1])
    step = Crop(min_area=0.25, max_area=0.25, max_aspect_ratio=1)
    cropped = resample(tf.cast(ramp, tf.float32), [step], SEED, (50, 50)).numpy()
    low, high = cropped[:, 0, 0, 0], cropped[:, 0, -1, 0]
    np.testing.assert_allclose(high - low, 49, atol=1e-3)
    assert low.min() >= 0.5
    assert high.max() <= 99.5
    assert low.std() > 10


def test_crop_leaves_a_share_of_the_images_as_they_are() -> None:
    cropped = resample(IMAGES, [Crop(min_area=0.2, max_area=0.3, probability=0.5)], SEED).numpy()
    same = np.isclose(cropped, IMAGES, atol=1e-5).all(axis=(1, 2, 3))
    assert 20 <= same.sum() <= 44
    never = resample(IMAGES, [Crop(min_area=0.2, max_area=0.3, probability=0)], SEED)
    np.testing.assert_allclose(never, IMAGES, atol=1e-5)


def test_rotation_keeps_shapes_of_wide_images() -> None:
    # A disc is a disc after any rotation, also where the image is not square.
    y, x = np.mgrid[:30, :60]
    disc = (np.hypot(y - 14.5, x - 29.5) < 10).astype(np.float32)
    images = tf.tile(disc[np.newaxis, :, :, np.newaxis], [16, 1, 1, 1])
    rotated = resample(images, [Rotate(max_degrees=180)], SEED).numpy()
    np.testing.assert_allclose(rotated[..., 0].sum((1, 2)), disc.sum(), rtol=0.01)
    assert np.abs(rotated[..., 0] - disc).mean() < 0.02


def test_translation_moves_the_mass() -> None:
    point = np.zeros((200, 21, 21, 1), np.float32)
    point[:, 10, 10] = 1
    moved = resample(tf.constant(point), [Translate(max_fraction=0.2)], SEED).numpy()[..., 0]
    y, x = np.mgrid[:21, :21]
    for axis in (y, x):
        place = (moved * axis).sum((1, 2)) / moved.sum((1, 2))
        assert np.abs(place - 10).max() <= 4.2 + 1e-3
        assert np.abs(place - 10).max() > 3


def test_merged_steps_equal_steps_one_by_one() -> None:
    steps = [Flip(horizontal=1), Translate(max_fraction=0.0), WHOLE]
    np.testing.assert_allclose(resample(IMAGES, steps, SEED), np.flip(IMAGES, 2), atol=1e-5)


def test_order_of_the_policy_counts() -> None:
    # A crop that follows a translation looks at the moved image: both orders move the same window
    # by amounts that differ by the window's size.
    ramp = tf.tile(tf.linspace(0.0, 99.0, 100)[tf.newaxis, tf.newaxis, :, tf.newaxis], [8, 100, 1, 1])
    half = Crop(min_area=0.25, max_area=0.25, max_aspect_ratio=1)
    first = resample(tf.cast(ramp, tf.float32), [half, Flip(horizontal=1)], SEED).numpy()
    assert np.all(first[:, 50, 20, 0] > first[:, 50, 80, 0])

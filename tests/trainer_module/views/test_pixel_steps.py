import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tfx_contrastive.trainer_module import config as steps
from tfx_contrastive.trainer_module.views.pixel_steps import (
    blur,
    brightness,
    color_jitter,
    contrast,
    cutout,
    gamma,
    grayscale,
    noise,
    solarize,
)

SEED = tf.constant([3, 4])
GRAY = tf.constant(np.random.default_rng(0).random((200, 12, 14, 1)), tf.float32)
COLOR = tf.constant(np.random.default_rng(1).random((200, 6, 7, 4)), tf.float32)


def test_brightness_adds_one_offset_an_image() -> None:
    change = (brightness(GRAY, steps.Brightness(max_delta=0.2, probability=0.5), SEED) - GRAY).numpy()
    offsets = change.reshape(200, -1)
    np.testing.assert_allclose(offsets.std(axis=1), 0, atol=1e-6)
    assert 0.15 < np.abs(offsets).max() <= 0.2 + 1e-6
    assert 70 < (np.abs(offsets[:, 0]) < 1e-7).sum() < 130


def test_contrast_keeps_the_mean() -> None:
    changed = contrast(GRAY, steps.Contrast(max_change=0.4, probability=1), SEED).numpy()
    np.testing.assert_allclose(changed.mean((1, 2, 3)), GRAY.numpy().mean((1, 2, 3)), atol=1e-5)
    ratio = changed.std((1, 2, 3)) / GRAY.numpy().std((1, 2, 3))
    assert 0.6 - 1e-5 <= ratio.min() < 0.7
    assert 1.3 < ratio.max() <= 1.4 + 1e-5


def test_gamma_is_a_power() -> None:
    changed = gamma(GRAY, steps.Gamma(max_gamma=2, probability=1), SEED).numpy().reshape(200, -1)
    exponent = np.log(changed) / np.log(GRAY.numpy().reshape(200, -1))
    np.testing.assert_allclose(exponent, exponent[:, :1].repeat(exponent.shape[1], 1), rtol=1e-3)
    assert 0.5 - 1e-3 <= exponent.min() < 0.6
    assert 1.7 < exponent.max() <= 2 + 1e-3


def test_solarize_inverts_bright_pixels() -> None:
    changed = solarize(GRAY, steps.Solarize(threshold=0.6, probability=1), SEED)
    np.testing.assert_allclose(changed, np.where(GRAY >= 0.6, 1 - GRAY, GRAY))


def test_noise_has_the_strength() -> None:
    flat = tf.fill([100, 30, 30, 1], 0.5)
    stddev = noise(flat, steps.Noise(max_stddev=0.1, probability=1), SEED).numpy().std((1, 2, 3))
    assert stddev.min() < 0.02
    assert 0.08 < stddev.max() < 0.11


def test_blur_is_a_gaussian() -> None:
    step = steps.Blur(min_sigma=0.1, max_sigma=0.1, probability=1)
    blurred = blur(GRAY, step, SEED).numpy()
    expected = ndimage.gaussian_filter(GRAY[0, ..., 0], 1.2, mode="constant", truncate=20)
    np.testing.assert_allclose(blurred[0, 6, 7, 0], expected[6, 7], rtol=0.02)
    flat = tf.fill([3, 12, 14, 1], 0.7)
    np.testing.assert_allclose(blur(flat, step, SEED), flat, atol=1e-5)


def test_blur_leaves_what_is_not_chosen() -> None:
    np.testing.assert_allclose(blur(GRAY, steps.Blur(probability=0), SEED), GRAY, atol=1e-6)


def test_cutout_erases_one_rectangle() -> None:
    step = steps.Cutout(min_area=0.2, max_area=0.2, probability=1)
    erased = cutout(GRAY, step, SEED).numpy() != GRAY.numpy()
    for mask in erased[..., 0]:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert erased.mean() == pytest.approx(0.2, abs=0.02)


def test_grayscale_is_luma_and_keeps_alpha() -> None:
    gray = grayscale(COLOR, steps.Grayscale(probability=1), SEED).numpy()
    luma = COLOR.numpy()[..., :3] @ np.array([0.299, 0.587, 0.114])
    for channel in range(3):
        np.testing.assert_allclose(gray[..., channel], luma, atol=1e-5)
    np.testing.assert_array_equal(gray[..., 3], COLOR[..., 3])


def test_color_jitter_keeps_luma_and_gray() -> None:
    step = steps.ColorJitter(max_saturation=0.5, max_hue=0.2, probability=1)
    luma = np.array([0.299, 0.587, 0.114])
    jittered = color_jitter(COLOR, step, SEED).numpy()
    np.testing.assert_allclose(jittered[..., :3] @ luma, COLOR.numpy()[..., :3] @ luma, atol=1e-3)
    np.testing.assert_array_equal(jittered[..., 3], COLOR[..., 3])
    assert np.abs(jittered - COLOR).max() > 0.1
    gray = tf.repeat(GRAY, 3, axis=-1)
    np.testing.assert_allclose(color_jitter(gray, step, SEED), gray, atol=1e-3)

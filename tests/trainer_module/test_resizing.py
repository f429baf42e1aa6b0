"""The three ways of `image.resize`, against Pillow's crops and hand-computed sizes."""

import io
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.images import decode_image, decode_images

BAR = 127


def png(pixels: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def config(height: int, width: int, resize: str, channels: int = 3) -> ImageConfig:
    return ImageConfig(height=height, width=width, channels=channels, resize=resize)


def noise(height: int, width: int, channels: int = 3) -> NDArray[Any]:
    return np.random.default_rng([height, width]).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_an_image_of_the_wanted_size_keeps_its_pixels(resize: Any) -> None:
    pixels = noise(10, 14)
    np.testing.assert_array_equal(decode_image(png(pixels), config(10, 14, resize)), pixels)


@pytest.mark.parametrize("resize", ["crop", "pad"])
def test_an_image_of_the_wanted_aspect_ratio_is_only_resized(resize: Any) -> None:
    contents = png(noise(30, 42))
    stretched = decode_image(contents, config(10, 14, "stretch"))
    np.testing.assert_array_equal(decode_image(contents, config(10, 14, resize)), stretched)


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ((16, 40), (12, 0, 28, 16)),  # left, upper, right, lower of the middle square
        ((41, 16), (0, 12, 16, 28)),
        ((9, 200), (95, 0, 104, 9)),
    ],
)
def test_crop_keeps_the_middle_of_the_longer_side(shape: Any, box: Any) -> None:
    pixels = noise(*shape)
    middle = np.asarray(Image.fromarray(pixels).crop(box))
    np.testing.assert_array_equal(
        decode_image(png(pixels), config(16, 16, "crop")),
        decode_image(png(middle), config(16, 16, "stretch")),
    )


def test_crop_takes_the_aspect_ratio_of_a_target_that_is_no_square() -> None:
    pixels = noise(40, 40)
    window = pixels[10:30]  # 2 to 1
    np.testing.assert_array_equal(
        decode_image(png(pixels), config(8, 16, "crop")), decode_image(png(window), config(8, 16, "stretch"))
    )


@pytest.mark.parametrize(
    ("shape", "inner"), [((8, 32), (4, 16)), ((32, 8), (16, 4)), ((10, 15), (11, 16)), ((1, 500), (1, 16))]
)
def test_pad_keeps_all_of_the_image_between_gray_bars(shape: Any, inner: Any) -> None:
    pixels = noise(*shape)
    padded = decode_image(png(pixels), config(16, 16, "pad")).numpy()
    top, left = (16 - inner[0]) // 2, (16 - inner[1]) // 2
    expected = np.full((16, 16, 3), BAR, np.uint8)
    resized = tf.image.resize(pixels, inner, method="bilinear", antialias=True)
    expected[top : top + inner[0], left : left + inner[1]] = np.round(resized).clip(0, 255)
    np.testing.assert_array_equal(padded, expected)


@pytest.mark.parametrize(("channels", "bar"), [(1, [BAR]), (3, [BAR] * 3), (4, [BAR, BAR, BAR, 255])])
def test_the_bars_are_opaque_gray_in_any_number_of_channels(channels: int, bar: Any) -> None:
    padded = decode_image(png(noise(8, 32)), config(16, 16, "pad", channels)).numpy()
    np.testing.assert_array_equal(padded[0, 0], bar)


@pytest.mark.parametrize("resize", ["crop", "pad"])
def test_the_longest_side_that_a_png_may_have(resize: Any) -> None:
    pixels = np.zeros((2, 999_999, 1), np.uint8)
    pixels[:, 500_000:] = 200
    shape = decode_image(png(pixels[..., 0]), config(1024, 1024, resize, 1)).shape
    assert shape == (1024, 1024, 1)


def test_a_batch_of_many_shapes_equals_its_images_one_by_one() -> None:
    contents = [png(noise(height, width)) for height, width in ((9, 9), (5, 40), (40, 5), (16, 16), (1, 1))]
    wanted = config(16, 16, "pad")
    one_by_one = np.stack([decode_image(each, wanted) for each in contents])
    np.testing.assert_array_equal(decode_images(tf.constant(contents), wanted), one_by_one)

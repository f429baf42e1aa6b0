import io
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.images import channel_moments, decode_image, decode_images

RNG = np.random.default_rng(0)
LUMA = np.array([0.299, 0.587, 0.114])


def encode(pixels: NDArray[Any], kind: str = "PNG") -> bytes:
    return save(Image.fromarray(pixels), kind)


def save(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def config(side: int, channels: int) -> ImageConfig:
    return ImageConfig(height=side, width=side, channels=channels)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_fitting_image_keeps_its_bytes(channels: int) -> None:
    pixels = RNG.integers(0, 256, (9, 9, channels), dtype=np.uint8)
    contents = encode(pixels.squeeze(-1) if channels == 1 else pixels)
    np.testing.assert_array_equal(decode_image(contents, config(9, channels)), pixels)


@pytest.mark.parametrize("kind", ["BMP", "PNG"])
def test_color_becomes_luma(kind: Any) -> None:
    pixels = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    decoded = decode_image(encode(pixels, kind), config(8, 1)).numpy()[..., 0]
    np.testing.assert_array_equal(decoded, np.round(pixels @ LUMA))


def test_grey_is_repeated_and_alpha_is_opaque() -> None:
    pixels = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    decoded = decode_image(encode(pixels), config(8, 4)).numpy()
    for channel in range(3):
        np.testing.assert_array_equal(decoded[..., channel], pixels)
    np.testing.assert_array_equal(decoded[..., 3], 255)


def test_alpha_of_grey_is_kept_or_laid_on_the_background() -> None:
    pixels = RNG.integers(0, 256, (8, 8, 2), dtype=np.uint8)
    contents = encode(pixels)
    np.testing.assert_array_equal(decode_image(contents, config(8, 4)).numpy()[..., 3], pixels[..., 1])
    gray, alpha = pixels[..., 0] / 255.0, pixels[..., 1] / 255.0
    for name, ground in (("white", 1.0), ("black", 0.0)):
        laid = decode_image(contents, ImageConfig(height=8, width=8, channels=1, background=name))
        np.testing.assert_array_equal(
            laid.numpy()[..., 0], np.round(255 * (gray * alpha + ground * (1 - alpha)))
        )


def test_gif_gives_its_first_frame() -> None:
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (40, 200)]
    animation = save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(decode_image(animation, config(8, 1)), np.full((8, 8, 1), 40))


def test_shrinking_is_antialiased() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    decoded = decode_image(encode(stripes), config(8, 1)).numpy()
    assert np.all(np.abs(decoded[:, 1:-1].astype(int) - 128) <= 2)


def test_batch_equals_one_by_one_and_moments_follow() -> None:
    images = [RNG.integers(0, 256, (side, side + 3), dtype=np.uint8) for side in (8, 12, 30)]
    contents = tf.constant([encode(image) for image in images])
    batch = decode_images(contents, config(10, 1))
    for one, decoded in zip(contents, batch, strict=True):
        np.testing.assert_array_equal(decode_image(one, config(10, 1)), decoded)
    pixels = batch.numpy() / 255.0
    expected = np.stack([pixels.mean((1, 2, 3)), (pixels**2).mean((1, 2, 3))], axis=1)
    np.testing.assert_allclose(channel_moments(contents, config(10, 1)), expected, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("num_images", [0, 1, 16, 39])
def test_batch_of_fitting_pngs_keeps_their_pixels(channels: int, num_images: Any) -> None:
    pixels = RNG.integers(0, 256, (num_images, 9, 8, channels), dtype=np.uint8)
    contents = tf.constant([encode(np.squeeze(one)) for one in pixels], tf.string)
    wanted = ImageConfig(height=9, width=8, channels=channels)
    np.testing.assert_array_equal(decode_images(contents, wanted), pixels)
    scaled = pixels / 255.0
    expected = np.concatenate([scaled.mean((1, 2)), (scaled**2).mean((1, 2))], axis=1)
    np.testing.assert_allclose(channel_moments(contents, wanted), expected, atol=1e-6)


GRAY = Image.fromarray(RNG.integers(0, 256, (9, 9), dtype=np.uint8))
PNGS_OF_ONE_SHAPE = {
    "gray": save(GRAY),
    "palette": save(GRAY.convert("RGB").quantize(8)),
    "two levels": save(GRAY.convert("1")),
    "16 bits": encode(RNG.integers(0, 2**16, (9, 9), dtype=np.uint16)),
    "transparent gray": save(GRAY, transparency=7),
}


@pytest.mark.parametrize("name", PNGS_OF_ONE_SHAPE)
def test_images_among_many_fitting_ones_are_decoded_as_alone(name: str) -> None:
    contents = [encode(RNG.integers(0, 256, (9, 9), dtype=np.uint8)) for _ in range(20)]
    contents[3] = PNGS_OF_ONE_SHAPE[name]
    batch = decode_images(tf.constant(contents), config(9, 1))
    for one, decoded in zip(contents, batch, strict=True):
        np.testing.assert_array_equal(decode_image(one, config(9, 1)), decoded)


def test_fitting_png_that_breaks_off_is_an_error() -> None:
    whole = encode(RNG.integers(0, 256, (9, 9), dtype=np.uint8))
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_images(tf.constant([whole] * 20 + [whole[:40]]), config(9, 1))


def test_bytes_that_are_no_image_are_an_error() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_images(tf.constant([b"not an image"]), config(8, 1))

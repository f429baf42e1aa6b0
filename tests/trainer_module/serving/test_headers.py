import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfx_contrastive.trainer_module.serving.headers import read_headers


def encoded(format_: Any, height: Any, width: Any, mode: str = "L", **options: Any) -> Any:
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, format_, **options)
    return buffer.getvalue()


def png_header(height: Any, width: Any) -> Any:
    """A PNG that declares a size and holds nothing."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def read(image_bytes: Any) -> Any:
    return read_headers(image_bytes)


@pytest.mark.parametrize(
    ("image", "pixels"),
    [
        (encoded("PNG", 3, 5), 15),
        (encoded("PNG", 300, 2, "RGBA"), 600),
        (encoded("JPEG", 300, 7, "RGB"), 2100),
        (encoded("JPEG", 300, 7, "RGB", progressive=True, exif=b"Exif\0\0" + b"x" * 5000), 2100),
        (encoded("GIF", 2, 300, "P"), 600),
        (encoded("BMP", 70, 11, "RGB"), 770),
        (png_header(2**31 - 1, 2**31 - 1), (2**31 - 1) ** 2),
        (b"BM" + b"\0" * 16 + struct.pack("<ii", 3, -4), 12),  # negative: its rows go downwards
    ],
)
def test_pixels_are_those_of_the_header(image: Any, pixels: Any) -> None:
    headers = read(tf.constant([b"", image]))
    np.testing.assert_array_equal(headers.known, [False, True])
    np.testing.assert_array_equal(headers.pixels, [0, pixels])


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b"<html>", b"RIFF\0\0\0\0WEBPVP8 ", b"iVBORw0KGgo="])
def test_what_is_no_image_is_not_known(data: Any) -> None:
    headers = read(tf.constant([data]))
    assert not headers.known.numpy()[0]
    assert headers.pixels.numpy()[0] == 0


def test_a_batch_may_be_empty() -> None:
    headers = read(tf.constant([], tf.string))
    assert headers.known.shape == (0,)
    assert headers.pixels.shape == (0,)


def test_formats_may_be_mixed() -> None:
    images = [encoded("JPEG", 9, 2), encoded("PNG", 1, 4), encoded("JPEG", 5, 3), encoded("BMP", 2, 2)]
    np.testing.assert_array_equal(read(tf.constant(images)).pixels, [18, 4, 15, 4])


def test_a_jpeg_without_a_frame_is_an_error() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="JPEG"):
        read(tf.constant([b"\xff\xd8\xff" + b"\0" * 40]))

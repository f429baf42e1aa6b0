"""What encoded images say of themselves in their first bytes, read before anything is decoded."""

from typing import NamedTuple

import tensorflow as tf

from trainer_module.images import PNG_SIGNATURE

_JPEG, _GIF, _BMP = b"\xff\xd8\xff", b"GIF8", b"BM"
_HEADER_BYTES = 26  # up to the height of a BMP


class Headers(NamedTuple):
    """What the headers of a batch say.

    Attributes:
        known: bool [B], whether the image begins as a PNG, JPEG, GIF or BMP does.
        pixels: int64 [B], height times width; 0 where the format is unknown.
    """

    known: tf.Tensor
    pixels: tf.Tensor


def read_headers(image_bytes: tf.Tensor) -> Headers:
    """Reads the headers of encoded images, without decoding a pixel.

    Args:
        image_bytes: string [B]; B may be 0, an image may be empty.

    Returns:
        Format known or not, and number of pixels, of each.

    Raises:
        tf.errors.InvalidArgumentError: When run, if a JPEG has no frame header.
    """
    start = tf.io.decode_raw(image_bytes, tf.uint8, fixed_length=_HEADER_BYTES)  # [B, 26], padded with 0
    png, jpeg, gif, bmp = (_begins(start, magic) for magic in (PNG_SIGNATURE, _JPEG, _GIF, _BMP))
    pixels = (
        tf.where(png, _number(start, 16, 4, "big") * _number(start, 20, 4, "big"), 0)
        + tf.where(gif, _number(start, 6, 2, "little") * _number(start, 8, 2, "little"), 0)
        + tf.where(bmp, _signed(start, 18) * _signed(start, 22), 0)
    )
    rows = tf.where(jpeg)
    # The frame header of a JPEG stands anywhere behind its other segments: libjpeg looks for it.
    shapes = tf.map_fn(
        lambda one: tf.image.extract_jpeg_shape(one, tf.int64),
        tf.gather_nd(image_bytes, rows),
        fn_output_signature=tf.TensorSpec([3], tf.int64),
    )
    pixels = tf.tensor_scatter_nd_update(pixels, rows, tf.reduce_prod(shapes[:, :2], axis=1))
    return Headers(png | jpeg | gif | bmp, pixels)


def _begins(start: tf.Tensor, magic: bytes) -> tf.Tensor:
    return tf.reduce_all(tf.equal(start[:, : len(magic)], tuple(magic)), axis=1)


def _number(start: tf.Tensor, at: int, length: int, order: str) -> tf.Tensor:
    """The unsigned number in some bytes, int64 [B]."""
    weights = [256**power for power in range(length)]
    if order == "big":
        weights.reverse()
    return tf.reduce_sum(tf.cast(start[:, at : at + length], tf.int64) * weights, axis=1)


def _signed(start: tf.Tensor, at: int) -> tf.Tensor:
    """Magnitude of a signed number in four bytes: the height of a BMP is negative if rows go downwards."""
    number = _number(start, at, 4, "little")
    return tf.minimum(number, 2**32 - number)

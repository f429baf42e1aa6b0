"""Checks of encoded images by their headers, before anything is decoded."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfx_contrastive.trainer_module.orientation import (
    JPEG_SIGNATURE,
    PNG_SIGNATURE,
    bytes_at,
    equals,
    number_in,
    read_preambles,
)

_GIF, _BMP = b"GIF8", b"BM"
_HEADER_BYTES = 41  # up to the type of a PNG's second chunk
_GRAY_PALETTE = b"".join(bytes((level, level, level, 0)) for level in range(256))
_MAX_BLOCKS = 256  # of a GIF before its first frame


class Headers(NamedTuple):
    """Facts from the headers of a batch.

    Attributes:
        known: bool [B], True if the image begins like a PNG, JPEG, GIF or BMP.
        pixels: int64 [B], height times width; 0 if the format is unknown.
        read_alike: bool [B], True if the graph reads the image as training does; False for kinds whose
            transparency or palette TensorFlow drops (docs/data.md, "What the model reads itself").
    """

    known: tf.Tensor
    pixels: tf.Tensor
    read_alike: tf.Tensor


def read_headers(image_bytes: tf.Tensor) -> Headers:
    """Read the headers of encoded images.

    Args:
        image_bytes: string [B]; B may be 0, and an image may be empty.

    Returns:
        Facts about each image.

    Raises:
        tf.errors.InvalidArgumentError: When run, if a JPEG has no frame header.
    """
    start = tf.io.decode_raw(image_bytes, tf.uint8, fixed_length=_HEADER_BYTES)  # padded with 0
    start = tf.ensure_shape(start, [None, _HEADER_BYTES])
    png, jpeg, gif, bmp = (_begins(start, magic) for magic in (PNG_SIGNATURE, JPEG_SIGNATURE, _GIF, _BMP))
    pixels = (
        tf.where(png, number_in(start[:, 16:20], "big") * number_in(start[:, 20:24], "big"), 0)
        + tf.where(gif, number_in(start[:, 6:8], "little") * number_in(start[:, 8:10], "little"), 0)
        + tf.where(bmp, _signed(start, 18) * _signed(start, 22), 0)
    )
    rows = tf.where(jpeg)
    # The frame header of a JPEG follows any number of other segments; libjpeg finds it.
    shapes = tf.map_fn(
        lambda one: tf.image.extract_jpeg_shape(one, tf.int64),
        tf.gather_nd(image_bytes, rows),
        fn_output_signature=tf.TensorSpec([3], tf.int64),
    )
    pixels = tf.tensor_scatter_nd_update(pixels, rows, tf.reduce_prod(shapes[:, :2], axis=1))
    keyed = _of_some(
        lambda some: read_preambles(some).color_key, image_bytes, png & ~_begins(start[:, 37:], b"IDAT")
    )
    read_alike = (
        ~keyed
        & (~gif | _of_some(_is_plain_gif, image_bytes, gif))
        & (~bmp | _of_some(_is_plain_bmp, image_bytes, bmp))
    )
    return Headers(png | jpeg | gif | bmp, pixels, read_alike)


def _of_some(test: Callable[[tf.Tensor], tf.Tensor], contents: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Return the result of a test on the chosen images, bool [B]; False for the others."""
    rows = tf.where(chosen)
    count = tf.shape(contents, out_type=tf.int64)[:1]
    found = tf.cond(
        tf.size(rows) > 0,
        lambda: tf.scatter_nd(rows, tf.cast(test(tf.gather_nd(contents, rows)), tf.int32), count) > 0,
        lambda: tf.zeros(count, tf.bool),
    )
    return tf.ensure_shape(found, contents.shape)


def _is_plain_gif(contents: tf.Tensor) -> tf.Tensor:
    """Return True for GIFs whose first frame covers the whole image and has no transparent color.

    Args:
        contents: GIFs, string [A].

    Returns:
        bool [A].
    """
    head = bytes_at(contents, tf.zeros_like(tf.strings.length(contents), tf.int64), 13)
    flags = tf.cast(head[:, 10], tf.int64)
    palette = tf.where(flags >= 128, 3 * 2 ** (flags % 8 + 1), tf.zeros_like(flags))
    no = tf.zeros_like(flags, tf.bool)

    def step(
        position: tf.Tensor, active: tf.Tensor, in_extension: tf.Tensor, plain: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        block = bytes_at(contents, position, 10)
        first, size = block[:, 0], tf.cast(block[:, 0], tf.int64)
        begins = ~in_extension & tf.equal(first, 0x21)  # an extension: its label, then blocks
        transparent = begins & tf.equal(block[:, 1], 0xF9) & tf.equal(block[:, 3] % 2, 1)
        whole = tf.equal(first, 0x2C) & tf.reduce_all(
            tf.equal(block[:, 1:9], tf.concat([tf.zeros_like(head[:, :4]), head[:, 6:10]], axis=1)), axis=1
        )
        plain = plain | (active & ~in_extension & whole)
        active = active & (in_extension | begins) & ~transparent
        position += tf.where(in_extension, 1 + size, tf.zeros_like(size) + 2)
        return position, active, tf.where(in_extension, size > 0, begins), plain

    begin = (13 + palette, ~no, no, no)
    return tf.while_loop(
        lambda *state: tf.reduce_any(state[1]),
        step,
        begin,
        maximum_iterations=_MAX_BLOCKS,
    )[3]


def _is_plain_bmp(contents: tf.Tensor) -> tf.Tensor:
    """Return True for uncompressed BMPs with 24 bits per pixel, or with 8 and a palette of 256 grays.

    Args:
        contents: BMPs, string [A].

    Returns:
        bool [A].
    """
    nowhere = tf.zeros_like(tf.strings.length(contents), tf.int64)
    head = bytes_at(contents, nowhere, 54)
    size, bits = number_in(head[:, 14:18], "little"), number_in(head[:, 28:30], "little")
    palette = bytes_at(contents, 14 + size, len(_GRAY_PALETTE))
    is_gray = (
        tf.equal(bits, 8)
        & _begins(palette, _GRAY_PALETTE)
        & tf.equal(number_in(head[:, 10:14], "little"), 14 + size + len(_GRAY_PALETTE))
    )
    return (size >= 40) & tf.equal(number_in(head[:, 30:34], "little"), 0) & (tf.equal(bits, 24) | is_gray)


def _begins(start: tf.Tensor, magic: bytes) -> tf.Tensor:
    return equals(start[:, : len(magic)], magic)


def _signed(start: tf.Tensor, at: int) -> tf.Tensor:
    """Return the magnitude of a signed 4-byte number; the height of a BMP is negative for top-down rows."""
    number = number_in(start[:, at : at + 4], "little")
    return tf.minimum(number, 2**32 - number)

"""Orientation and transparent color of JPEGs and PNGs, from the segments or chunks before the pixels.

A camera stores pixels as its sensor reads them, and the orientation in EXIF. ImageExampleGen follows the same
rules (docs/data.md, "Which way is up"):

* The orientation is tag 0x0112 of the first directory (IFD0), of type SHORT or LONG, from 1 to 8.
* In a JPEG it is in the first segment APP1 that begins with `Exif`, before the frame header; in a PNG in
  the first chunk eXIf before the first IDAT. At most 256 segments or chunks are read.
* If it is damaged or missing, the image counts as upright.
"""

from typing import NamedTuple

import tensorflow as tf

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
UPRIGHT = 1
_FIRST_CHUNK = 33  # of a PNG, after signature and IHDR
_COLOR_TYPE, _PALETTE = 25, 3  # position of the color type in a PNG, and the type with a palette
_FIRST_SEGMENT = 2
_MAX_STEPS = 256
_WINDOW = 10  # bytes of a segment or chunk that identify it
_TAG = b"\x01\x12"
_SHORT, _LONG = 3, 4
_MAX_ENTRIES = 128
_ENTRY = 12  # bytes of an entry in a directory: tag, type, count, value
_TRANSPOSED = (5, 6, 7, 8)
_MIRRORED = (2, 3, 6, 7)  # left and right are swapped, after a transposition if there is one
_UPSIDE_DOWN = (3, 4, 7, 8)


class Preamble(NamedTuple):
    """Facts from before the pixels of each image.

    Attributes:
        orientation: int32 [B], EXIF orientation 1 to 8; 1 if there is none.
        color_key: bool [B], True for a PNG without palette that declares one color transparent.
    """

    orientation: tf.Tensor
    color_key: tf.Tensor


class _Walk(NamedTuple):
    """State of the walk through the segments of each image; all [A]."""

    position: tf.Tensor
    active: tf.Tensor
    exif: tf.Tensor
    length: tf.Tensor
    color_key: tf.Tensor


def read_preambles(contents: tf.Tensor) -> Preamble:
    """Return orientation and transparent color of JPEGs, and of PNGs with chunks between header and pixels.

    Args:
        contents: Encoded images, string [B]; other formats count as upright.

    Returns:
        Orientation and transparent color of each image.
    """
    start = tf.io.decode_raw(tf.strings.substr(contents, 0, _FIRST_CHUNK + 8), tf.uint8, fixed_length=41)
    is_jpeg = equals(start[:, :3], JPEG_SIGNATURE)
    is_png = equals(start[:, :8], PNG_SIGNATURE) & ~equals(start[:, 37:41], b"IDAT")
    rows = tf.where(is_jpeg | is_png)  # [A, 1]
    count = tf.shape(contents, out_type=tf.int64)[:1]

    def look() -> tuple[tf.Tensor, tf.Tensor]:
        found = _look(tf.gather_nd(contents, rows), tf.gather_nd(is_jpeg, rows))
        turned = tf.scatter_nd(rows, found.orientation - UPRIGHT, count) + UPRIGHT
        keyed = tf.scatter_nd(rows, tf.cast(found.color_key, tf.int32), count) > 0
        return turned, keyed

    def nothing() -> tuple[tf.Tensor, tf.Tensor]:
        return tf.ones(count, tf.int32), tf.zeros(count, tf.bool)

    orientation, color_key = tf.cond(tf.size(rows) > 0, look, nothing)
    return Preamble(tf.ensure_shape(orientation, [None]), tf.ensure_shape(color_key, [None]))


def turn_upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turn and mirror an image by its EXIF orientation.

    Args:
        pixels: [height, width, channels], as stored.
        orientation: int32 scalar, 1 to 8.

    Returns:
        The upright image; height and width are swapped for 5 to 8.
    """

    def turn() -> tf.Tensor:
        image = tf.cond(
            _among(orientation, _TRANSPOSED), lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels
        )
        image = tf.cond(_among(orientation, _MIRRORED), lambda: tf.reverse(image, [1]), lambda: image)
        return tf.cond(_among(orientation, _UPSIDE_DOWN), lambda: tf.reverse(image, [0]), lambda: image)

    turned = tf.cond(tf.equal(orientation, UPRIGHT), lambda: pixels, turn)
    turned.set_shape([None, None, pixels.shape[2]])
    return turned


def _look(contents: tf.Tensor, is_jpeg: tf.Tensor) -> Preamble:
    """Return the preambles of JPEGs and PNGs, string [A], at least one."""
    size = tf.cast(tf.strings.length(contents), tf.int64)
    nowhere = tf.zeros_like(size)
    first = tf.where(is_jpeg, nowhere + _FIRST_SEGMENT, nowhere + _FIRST_CHUNK)

    def step(*values: tf.Tensor) -> _Walk:
        walk = _Walk(*values)
        window = bytes_at(contents, walk.position, _WINDOW)
        jpeg, png = _segment(window, walk), _chunk(window, walk)
        taken = _Walk(*(tf.where(is_jpeg, *pair) for pair in zip(jpeg, png, strict=True)))
        return taken._replace(active=walk.active & taken.active & (taken.position < size))

    begin = _Walk(first, tf.ones_like(is_jpeg), nowhere, nowhere, tf.zeros_like(is_jpeg))
    walk = _Walk(
        *tf.while_loop(
            lambda *values: tf.reduce_any(_Walk(*values).active), step, begin, maximum_iterations=_MAX_STEPS
        )
    )
    at = tf.minimum(walk.exif, size)
    exif = tf.strings.substr(contents, at, tf.where(walk.exif > 0, walk.length, nowhere))
    # With a palette, the chunk contains the opacity of its entries, which decoders apply.
    has_palette = tf.equal(bytes_at(contents, nowhere + _COLOR_TYPE, 1)[:, 0], _PALETTE)
    return Preamble(_orientation(exif), walk.color_key & ~has_palette)


def _segment(window: tf.Tensor, walk: _Walk) -> _Walk:
    """Take one step through a JPEG: marker (2 bytes), length of what follows (2), content."""
    marker = window[:, 1]
    is_fill = tf.equal(marker, 0xFF)
    is_bare = tf.equal(marker, 0x01) | ((marker >= 0xD0) & (marker <= 0xD7))
    is_frame = (marker >= 0xC0) & (marker <= 0xCF) & ~_among(marker, (0xC4, 0xC8, 0xCC))
    is_end = is_frame | tf.equal(marker, 0) | ((marker >= 0xD8) & (marker <= 0xDA))
    length = number_in(window[:, 2:4], "big")
    is_exif = tf.equal(marker, 0xE1) & equals(window[:, 4:10], b"Exif\0\0") & (length >= 8)
    goes_on = tf.equal(window[:, 0], 0xFF) & ~is_end & ~is_exif & (is_fill | is_bare | (length >= 2))
    one = tf.ones_like(length)
    here = walk.active & tf.equal(window[:, 0], 0xFF) & is_exif
    return walk._replace(
        position=walk.position + tf.where(is_fill, one, tf.where(is_bare, 2 * one, 2 + length)),
        active=goes_on,
        exif=tf.where(here, walk.position + _WINDOW, walk.exif),
        length=tf.where(here, length - 8, walk.length),
    )


def _chunk(window: tf.Tensor, walk: _Walk) -> _Walk:
    """Take one step through a PNG: length of the content (4 bytes), type (4), content, checksum (4)."""
    length, kind = number_in(window[:, :4], "big"), window[:, 4:8]
    here = walk.active & equals(kind, b"eXIf") & tf.equal(walk.exif, 0)
    return walk._replace(
        position=walk.position + 12 + length,
        active=~equals(kind, b"IDAT") & ~equals(kind, b"IEND"),
        exif=tf.where(here, walk.position + 8, walk.exif),
        length=tf.where(here, length, walk.length),
        color_key=walk.color_key | (walk.active & equals(kind, b"tRNS")),
    )


def _orientation(exif: tf.Tensor) -> tf.Tensor:
    """Return the orientation in EXIF data, string [A], as int32 [A]; 1 if there is none."""
    start = bytes_at(exif, tf.zeros_like(tf.strings.length(exif), tf.int64), 8)
    little = equals(start[:, :4], b"II*\0")
    valid = little | equals(start[:, :4], b"MM\0*")

    def number(data: tf.Tensor) -> tf.Tensor:
        return tf.where(little, number_in(data, "little"), number_in(data, "big"))

    directory = number(start[:, 4:8])
    count = number(bytes_at(exif, directory, 2))
    entries = tf.reshape(bytes_at(exif, directory + 2, _MAX_ENTRIES * _ENTRY), [-1, _MAX_ENTRIES, _ENTRY])
    tag = tf.where(little[:, tf.newaxis, tf.newaxis], entries[..., 1::-1], entries[..., :2])
    is_ours = equals(tag, _TAG) & (tf.range(_MAX_ENTRIES, dtype=tf.int64) < count[:, tf.newaxis])
    ours = tf.gather(entries, tf.argmax(is_ours, axis=1), axis=1, batch_dims=1)  # [A, 12]
    kind = number(ours[:, 2:4])
    value = tf.where(tf.equal(kind, _SHORT), number(ours[:, 8:10]), number(ours[:, 8:12]))
    is_there = valid & tf.reduce_any(is_ours, axis=1) & _among(kind, (_SHORT, _LONG))
    return tf.cast(tf.where(is_there & (value >= 1) & (value <= 8), value, tf.ones_like(value)), tf.int32)


def bytes_at(contents: tf.Tensor, position: tf.Tensor, length: int) -> tf.Tensor:
    """Return bytes of each string from a position, int64 [A]: uint8 [A, length]; 0 after the end."""
    size = tf.cast(tf.strings.length(contents), tf.int64)
    part = tf.strings.substr(
        contents, tf.minimum(position, size), tf.fill(tf.shape(size), tf.constant(length, tf.int64))
    )
    return tf.ensure_shape(tf.io.decode_raw(part, tf.uint8, fixed_length=length), [None, length])


def number_in(data: tf.Tensor, order: str) -> tf.Tensor:
    """Return the unsigned number that the bytes of the last axis encode, int64.

    Args:
        data: uint8 [..., L].
        order: Order of the bytes: `big` or `little` end first.
    """
    weights = [256**power for power in range(data.shape[-1])]
    if order == "big":
        weights.reverse()
    return tf.reduce_sum(tf.cast(data, tf.int64) * tf.constant(weights, tf.int64), axis=-1)


def equals(data: tf.Tensor, expected: bytes) -> tf.Tensor:
    """Return True where the last axis of `data`, uint8 [..., L], is the expected L bytes."""
    return tf.reduce_all(tf.equal(data, tuple(expected)), axis=-1)


def _among(value: tf.Tensor, choices: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(tf.equal(value[..., tf.newaxis], tf.constant(choices, value.dtype)), axis=-1)

"""Decoding images in the graph: bytes of PNG, JPEG, GIF or BMP to pixels of one fixed shape."""

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.orientation import PNG_SIGNATURE, UPRIGHT, read_preambles, turn_upright

# Rec. 601 luma, the weights that libpng and libjpeg use for gray.
_LUMA = (0.299, 0.587, 0.114)
_MAX_CHANNELS = 4
# Number of images, or groups of images, decoded in parallel: bounds the memory of large originals.
_PARALLEL_DECODES = 4
# Number of PNGs of the target shape per step of the loop, since a step costs more than a small image.
_GROUP = 8
_PNG_BITS = 24  # position of the bit depth in a PNG
_MAX_BITS = 16
_PNG_COLOR_TYPES = {1: 0, 3: 2, 4: 6}  # by number of channels
_BAR, _OPAQUE = 127.0, 255.0  # mid-gray, the color of the bars of a padded image, and their alpha


def channel_matrices(channels: int) -> NDArray[Any]:
    """Return the linear conversions from 1, 2, 3 or 4 source channels to `channels`.

    Gray is repeated and color becomes luma. Alpha is dropped; if only the target has alpha, it is opaque.

    Args:
        channels: Number of target channels, 1, 3 or 4.

    Returns:
        float32 [5, 5, channels]: `[source_channels, :, :]` maps (source channels, then a constant 255
        in the last row) to the target. Unused rows are zero.
    """
    matrices = np.zeros((_MAX_CHANNELS + 1, _MAX_CHANNELS + 1, channels), np.float32)
    for source in range(1, _MAX_CHANNELS + 1):
        matrix = matrices[source]
        if source <= 2:
            matrix[0, : min(channels, 3)] = 1.0
        elif channels == 1:
            matrix[:3, 0] = _LUMA
        else:
            matrix[:3, :3] = np.eye(3)
        if channels == 4:
            alpha = {2: 1, 4: 3}.get(source, _MAX_CHANNELS)
            matrix[alpha, 3] = 1.0
    return matrices


def decode_image(contents: tf.Tensor, config: ImageConfig, orientation: tf.Tensor | None = None) -> tf.Tensor:
    """Decode one image, turn it upright, fill its background, convert its channels and resize it.

    The result does not depend on where the graph runs. An image of the target shape keeps its values; any
    other is resized bilinearly with anti-aliasing, see `config.resize`, and rounded.

    Args:
        contents: Encoded image, scalar string. Only the first frame of an animation is used.
        config: Target shape.
        orientation: EXIF orientation 1 to 8, int32 scalar; None: it is read here.

    Returns:
        Pixels, uint8 [height, width, channels].
    """
    if orientation is None:
        orientation = read_preambles(tf.reshape(contents, [1])).orientation[0]
    pixels = _on_background(turn_upright(_decode_deep(contents, config), orientation), config)

    def convert() -> tf.Tensor:
        # Resizing and conversion are linear. Resizing first avoids a float copy of a large original.
        image = resize(pixels, config)
        source = tf.shape(pixels)[2]
        matrix = tf.constant(channel_matrices(config.channels))[source]  # [5, C]
        flat = tf.reshape(image, [-1, source])
        converted = tf.matmul(flat, matrix[:source]) + 255.0 * matrix[_MAX_CHANNELS]
        image = tf.reshape(converted, tf.concat([tf.shape(image)[:2], [config.channels]], axis=0))
        return tf.cast(tf.clip_by_value(tf.round(pad(image, config)), 0.0, 255.0), tf.uint8)

    fits = tf.reduce_all(tf.equal(tf.shape(pixels), _shape(config)))
    return tf.ensure_shape(tf.cond(fits, lambda: pixels, convert), _shape(config))


def decode_images(contents: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """Apply `decode_image` to each image of a batch.

    Args:
        contents: Encoded images, string [B].
        config: Target shape.

    Returns:
        Pixels, uint8 [B, height, width, channels].
    """
    return _of_each(contents, config, lambda pixels: pixels, tf.TensorSpec(_shape(config), tf.uint8))


def channel_moments(contents: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """Return first and second moments of each image's channels, for pixels scaled to [0, 1].

    Works on a few images at a time, to save memory.

    Args:
        contents: Encoded images, string [B].
        config: Target shape of the images.

    Returns:
        float32 [B, 2 * channels]: mean of x for each channel, then mean of x^2.
    """

    def moments(pixels: tf.Tensor) -> tf.Tensor:
        scaled = tf.cast(pixels, tf.float32) / 255.0
        return tf.concat(
            [tf.reduce_mean(scaled, axis=[1, 2]), tf.reduce_mean(tf.square(scaled), axis=[1, 2])], axis=1
        )

    return _of_each(contents, config, moments, tf.TensorSpec((2 * config.channels,), tf.float32))


def _of_each(
    contents: tf.Tensor,
    config: ImageConfig,
    function: Callable[[tf.Tensor], tf.Tensor],
    one: tf.TensorSpec,
) -> tf.Tensor:
    """Apply a function to the decoded images of a batch, with few of them in memory at once.

    Args:
        contents: Encoded images, string [B].
        config: Target shape of the images.
        function: Maps pixels, uint8 [b, height, width, channels], to a tensor [b, ...], for any b.
        one: Spec of the function's result for one image.

    Returns:
        [B, ...].
    """
    header = _png_header(config)
    orientation = read_preambles(contents).orientation
    fitting = tf.reduce_all(
        (tf.strings.substr(contents, 0, len(header)) == header) & tf.equal(orientation, UPRIGHT)
    )
    in_groups = tf.where(fitting, tf.size(contents) // _GROUP * _GROUP, 0)
    groups = tf.map_fn(
        lambda group: function(_decode_fitting(group, config)),
        tf.reshape(contents[:in_groups], [-1, _GROUP]),
        fn_output_signature=tf.TensorSpec([_GROUP, *one.shape], one.dtype),
        parallel_iterations=_PARALLEL_DECODES,
    )
    others = tf.map_fn(
        lambda image: function(decode_image(image[0], config, image[1])[tf.newaxis])[0],
        (contents[in_groups:], orientation[in_groups:]),
        fn_output_signature=one,
        parallel_iterations=_PARALLEL_DECODES,
    )
    return tf.concat([tf.reshape(groups, [-1, *one.shape]), others], axis=0)


def _decode(contents: tf.Tensor) -> tf.Tensor:
    """Return the pixels of one image as stored, uint8 [height, width, channels]."""
    pixels = tf.io.decode_image(contents, channels=0, dtype=tf.uint8, expand_animations=False)
    pixels.set_shape([None, None, None])
    return pixels


def _decode_deep(contents: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """Return the pixels of one image as stored; of 16-bit values the 8 highest of the bits in use."""
    if config.bit_depth == _MAX_BITS:
        return _decode(contents)
    head = tf.io.decode_raw(contents, tf.uint8, fixed_length=_PNG_BITS + 1)

    def deep() -> tf.Tensor:
        values = tf.cast(tf.io.decode_png(contents, channels=0, dtype=tf.uint16), tf.int32)
        return tf.cast(tf.minimum(tf.bitwise.right_shift(values, config.bit_depth - 8), 255), tf.uint8)

    is_deep = tf.reduce_all(tf.equal(head[:8], tuple(PNG_SIGNATURE))) & tf.equal(head[_PNG_BITS], _MAX_BITS)
    pixels = tf.cond(is_deep, deep, lambda: _decode(contents))
    pixels.set_shape([None, None, None])
    return pixels


def _on_background(pixels: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """Blend an image with the background, unless the target has alpha: uint8 [height, width, channels]."""
    if config.channels == _MAX_CHANNELS:
        return pixels

    def blend() -> tf.Tensor:
        alpha = tf.cast(pixels[..., -1:], tf.int32)
        color = tf.cond(
            tf.equal(tf.shape(pixels)[2], 2),
            lambda: tf.repeat(pixels[..., :1], 3, axis=2),
            lambda: pixels[..., :3],
        )
        blended = tf.cast(color, tf.int32) * alpha + tf.constant(config.ground) * (255 - alpha)
        return tf.cast((blended + 127) // 255, tf.uint8)

    has_alpha = tf.equal(tf.shape(pixels)[2] % 2, 0)
    blended = tf.cond(has_alpha, blend, lambda: pixels)
    blended.set_shape([None, None, None])
    return blended


def _decode_fitting(group: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """Return the pixels of a group, string [_GROUP], whose images all have the target shape."""
    return tf.stack([tf.ensure_shape(_decode(contents), _shape(config)) for contents in tf.unstack(group)])


def _png_header(config: ImageConfig) -> bytes:
    """Return the start of a PNG of the target shape with 8 bits per channel: signature and IHDR."""
    shape = struct.pack(">IIBB", config.width, config.height, 8, _PNG_COLOR_TYPES[config.channels])
    return PNG_SIGNATURE + struct.pack(">I", 13) + b"IHDR" + shape


def _shape(config: ImageConfig) -> tuple[int, int, int]:
    return config.height, config.width, config.channels


def resize(pixels: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """Resize an image bilinearly with anti-aliasing.

    Args:
        pixels: [h, w, C], of any numeric type.
        config: Target size, and the way to resize images of another aspect ratio.

    Returns:
        float32 [height, width, C]; with `pad`, without the bars, which `pad` adds. An image of the target
        size keeps its values.
    """
    size = tf.constant([config.height, config.width])
    if config.resize == "crop":
        pixels = _crop_to_aspect(pixels, size)
    elif config.resize == "pad":
        size = _largest(tf.shape(pixels)[:2], size)
    return tf.cond(
        tf.reduce_all(tf.equal(tf.shape(pixels)[:2], size)),
        lambda: tf.cast(pixels, tf.float32),
        lambda: tf.image.resize(pixels, size, method="bilinear", antialias=True),
    )


def pad(image: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """Center an image between gray bars, which are opaque if there is alpha.

    Args:
        image: float32 [h, w, channels], neither side longer than the target.
        config: Target shape.

    Returns:
        float32 [height, width, channels].
    """
    height, width = config.height - tf.shape(image)[0], config.width - tf.shape(image)[1]
    top, left = height // 2, width // 2
    bars = [[top, height - top], [left, width - left], [0, 0]]
    fill = tf.constant([_BAR, _BAR, _BAR, _OPAQUE][: config.channels])
    # tf.pad takes one value for all channels: pad the difference from the bar's color with zeros.
    padded = tf.pad(image - fill, bars) + fill
    return tf.ensure_shape(padded, (config.height, config.width, config.channels))


def _crop_to_aspect(pixels: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Return the largest centered window of an image, [h, w, C], with the aspect ratio of `size`."""
    shape = tf.shape(pixels)[:2]
    window = _largest(size, shape)
    start = (shape - window) // 2
    return pixels[start[0] : start[0] + window[0], start[1] : start[1] + window[1]]


def _largest(shape: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    """Return the largest size with the aspect ratio of `shape` within `limit`: int32 [2], at least 1."""
    height, width = tf.unstack(tf.cast(shape, tf.int64))  # products exceed 32 bits
    most_height, most_width = tf.unstack(tf.cast(limit, tf.int64))
    found = [
        tf.minimum(most_height, _quotient(most_width * height, width)),
        tf.minimum(most_width, _quotient(most_height * width, height)),
    ]
    return tf.cast(tf.maximum(tf.stack(found), 1), tf.int32)


def _quotient(numerator: tf.Tensor, denominator: tf.Tensor) -> tf.Tensor:
    """Return the quotient of positive integers, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)

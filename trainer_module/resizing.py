"""Bringing an image to the size that the encoder takes, in the three ways of `image.resize`."""

import tensorflow as tf

from tfx_contrastive.trainer_module.config import ImageConfig

# The bars of a padded image: mid-gray is as far from black as from white.
_BAR = 127.0
_OPAQUE = 255.0


def resize(pixels: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """Resize an image bilinearly with anti-aliasing.

    Args:
        pixels: [h, w, C], of any numeric type.
        config: Size wanted, and what happens to an image of another aspect ratio.

    Returns:
        float32 [height, width, C]; with `pad`, only the part that the image fills: `pad` adds the rest.
        An image that has the wanted size keeps its values.
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
    """Put an image into the middle of the wanted size, between gray bars (opaque where there is alpha).

    Args:
        image: float32 [h, w, channels], neither side longer than wanted.
        config: Shape wanted.

    Returns:
        float32 [height, width, channels].
    """
    height, width = config.height - tf.shape(image)[0], config.width - tf.shape(image)[1]
    top, left = height // 2, width // 2
    bars = [[top, height - top], [left, width - left], [0, 0]]
    fill = tf.constant([_BAR, _BAR, _BAR, _OPAQUE][: config.channels])
    # tf.pad takes one value for all channels: pad the difference from the bars with zeros.
    padded = tf.pad(image - fill, bars) + fill
    return tf.ensure_shape(padded, (config.height, config.width, config.channels))


def _crop_to_aspect(pixels: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Return the largest window in the middle of an image, [h, w, C], that has the aspect ratio of `size`."""
    shape = tf.shape(pixels)[:2]
    window = _largest(size, shape)
    start = (shape - window) // 2
    return pixels[start[0] : start[0] + window[0], start[1] : start[1] + window[1]]


def _largest(shape: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    """Return the largest size of the aspect ratio of `shape` that fits into `limit`: int32 [2], 1 or more."""
    height, width = tf.unstack(tf.cast(shape, tf.int64))  # products of sides exceed 32 bits
    most_height, most_width = tf.unstack(tf.cast(limit, tf.int64))
    found = [
        tf.minimum(most_height, _quotient(most_width * height, width)),
        tf.minimum(most_width, _quotient(most_height * width, height)),
    ]
    return tf.cast(tf.maximum(tf.stack(found), 1), tf.int32)


def _quotient(numerator: tf.Tensor, denominator: tf.Tensor) -> tf.Tensor:
    """Return the quotient of positive integers, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)

"""Decoding images in the graph: bytes of PNG, JPEG, GIF or BMP to pixels of one fixed shape."""

import numpy as np
import tensorflow as tf

from trainer_module.config import ImageConfig

# Rec. 601 luma, the weights that libpng and libjpeg use for grey.
_LUMA = (0.299, 0.587, 0.114)
_MAX_CHANNELS = 4
# Images of a batch in flight at once: bounds the memory that large originals take.
_PARALLEL_DECODES = 4


def channel_matrices(channels: int) -> np.ndarray:
    """Linear conversions from 1, 2, 3 or 4 source channels to `channels`.

    Grey is repeated, colour becomes luma, alpha is dropped or, where the target has it, opaque (255).

    Args:
        channels: Channels wanted, 1, 3 or 4.

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


def decode_image(contents: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """Decodes one image, converts its channels and resizes it.

    The same pixels come out wherever this graph runs. An image of the wanted shape keeps its bytes
    unchanged; any other is resized bilinearly with anti-aliasing and rounded.

    Args:
        contents: Encoded image, scalar string. The first frame of an animation counts.
        config: Shape wanted.

    Returns:
        Pixels, uint8 [height, width, channels].
    """
    pixels = tf.io.decode_image(contents, channels=0, dtype=tf.uint8, expand_animations=False)
    pixels.set_shape([None, None, None])
    size = (config.height, config.width)

    def convert() -> tf.Tensor:
        # Resized first: both steps are linear, and so no float copy of a large original is made.
        image = tf.cond(
            tf.reduce_all(tf.equal(tf.shape(pixels)[:2], size)),
            lambda: tf.cast(pixels, tf.float32),
            lambda: tf.image.resize(pixels, size, method="bilinear", antialias=True),
        )
        source = tf.shape(pixels)[2]
        matrix = tf.constant(channel_matrices(config.channels))[source]  # [5, C]
        flat = tf.reshape(image, [-1, source])
        converted = tf.matmul(flat, matrix[:source]) + 255.0 * matrix[_MAX_CHANNELS]
        image = tf.reshape(converted, [*size, config.channels])
        return tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), tf.uint8)

    fits = tf.reduce_all(tf.equal(tf.shape(pixels), [*size, config.channels]))
    return tf.ensure_shape(tf.cond(fits, lambda: pixels, convert), [*size, config.channels])


def decode_images(contents: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """Decodes a batch: `decode_image` of each.

    Args:
        contents: Encoded images, string [B].
        config: Shape wanted.

    Returns:
        Pixels, uint8 [B, height, width, channels].
    """
    return tf.map_fn(
        lambda one: decode_image(one, config),
        contents,
        fn_output_signature=tf.TensorSpec((config.height, config.width, config.channels), tf.uint8),
        parallel_iterations=_PARALLEL_DECODES,
    )


def channel_moments(contents: tf.Tensor, config: ImageConfig) -> tf.Tensor:
    """First and second moment of each image's channels, pixels scaled to [0, 1].

    Works image by image, so that a batch needs the memory of a few images only.

    Args:
        contents: Encoded images, string [B].
        config: Shape to which images are brought first.

    Returns:
        float32 [B, 2 * channels]: mean of x for each channel, then mean of x^2.
    """

    def moments(one: tf.Tensor) -> tf.Tensor:
        pixels = tf.cast(decode_image(one, config), tf.float32) / 255.0
        return tf.concat(
            [tf.reduce_mean(pixels, axis=[0, 1]), tf.reduce_mean(tf.square(pixels), axis=[0, 1])], axis=0
        )

    return tf.map_fn(
        moments,
        contents,
        fn_output_signature=tf.TensorSpec((2 * config.channels,), tf.float32),
        parallel_iterations=_PARALLEL_DECODES,
    )

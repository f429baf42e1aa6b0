"""What the gate does to pixels: a mild second view, and the pixels themselves as a reference encoder."""

import numpy as np
import tensorflow as tf

from components.image_example_gen.by_tensorflow import as_upright

REFERENCE_SIZE = 16
CROP_SHARE = 0.9


def crop_views(images: np.ndarray) -> np.ndarray:
    """A second view of each image: the upper left 90 % of each side, resized to the former size.

    Args:
        images: Encoded images, object [N] of bytes.

    Returns:
        Serialized tf.train.Example with `image` only (PNG), object [N] of bytes.
    """
    views = tf.data.Dataset.from_tensor_slices(_upright(images))
    encoded = views.map(_crop_view, num_parallel_calls=tf.data.AUTOTUNE).as_numpy_iterator()
    return np.array([_example(view) for view in encoded], object)


def _upright(images: np.ndarray) -> tf.Tensor:
    return tf.constant([as_upright(image) for image in images], tf.string)


def _crop_view(encoded: tf.Tensor) -> tf.Tensor:
    pixels = tf.io.decode_image(encoded, expand_animations=False)
    pixels.set_shape([None, None, None])
    size = tf.shape(pixels)[:2]
    kept = tf.maximum(1, tf.cast(tf.round(tf.cast(size, tf.float32) * CROP_SHARE), tf.int32))
    resized = tf.image.resize(pixels[: kept[0], : kept[1]], size, antialias=True)
    return tf.io.encode_png(tf.cast(tf.round(tf.clip_by_value(resized, 0, 255)), tf.uint8))


def _example(image: bytes) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    return tf.train.Example(features=tf.train.Features(feature={"image": feature})).SerializeToString()


def pixel_features(images: np.ndarray) -> np.ndarray:
    """The pixels as features: grey, 16x16, in [0, 1].

    Args:
        images: Encoded images, object [N] of bytes, N at least 1.

    Returns:
        float32 [N, 256].
    """

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        pixels.set_shape([None, None, 3])
        return tf.image.resize(pixels, [REFERENCE_SIZE, REFERENCE_SIZE], method="area")

    dataset = tf.data.Dataset.from_tensor_slices(_upright(images))
    batches = dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(1_024).as_numpy_iterator()
    pixels = np.concatenate(list(batches)).mean(axis=-1)
    return (pixels / 255.0).reshape([len(pixels), -1]).astype(np.float32)

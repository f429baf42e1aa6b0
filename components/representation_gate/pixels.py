"""What the gate does to pixels: a mild second view, and the pixels themselves as a reference encoder."""

import numpy as np
import tensorflow as tf

from components.image_example_gen.by_tensorflow import as_upright

COLOR_SIZE, GRAY_SIZE = 8, 16
CROP_SHARE = 0.9


def crop_views(images: np.ndarray) -> np.ndarray:
    """A second view of each image: the upper left 90 % of each side, resized to the former size.

    Args:
        images: Encoded images, object [N] of bytes.

    Returns:
        PNGs, object [N] of bytes.
    """
    views = tf.data.Dataset.from_tensor_slices(_upright(images))
    encoded = views.map(_crop_view, num_parallel_calls=tf.data.AUTOTUNE).as_numpy_iterator()
    return np.array(list(encoded), object)


def examples_of(images: np.ndarray) -> np.ndarray:
    """Serialized tf.train.Example with `image` only of each encoded image, object [N] of bytes."""
    return np.array([_example(image) for image in images], object)


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


def pixel_features(images: np.ndarray) -> dict[str, np.ndarray]:
    """The pixels as features, in the forms that an encoder has to beat.

    Args:
        images: Encoded images, object [N] of bytes, N at least 1.

    Returns:
        Form -> float32 [N, D], in [0, 1]: color at 8x8 (D = 192) and gray at 16x16 (D = 256).
    """

    def decode(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        pixels.set_shape([None, None, 3])
        sizes = (COLOR_SIZE, GRAY_SIZE)
        color, fine = (tf.image.resize(pixels, [size, size], method="area") for size in sizes)
        return color, tf.reduce_mean(fine, axis=-1)

    dataset = tf.data.Dataset.from_tensor_slices(_upright(images))
    batches = dataset.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(1_024).as_numpy_iterator()
    color, gray = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    forms = {"8x8 pixels": color, "16x16 gray pixels": gray}
    return {name: (each / 255.0).reshape([len(each), -1]).astype(np.float32) for name, each in forms.items()}


def compared(features: np.ndarray, mean: np.ndarray | float = 0.0) -> np.ndarray:
    """Features for comparison by cosine: less a mean, of length 1; float32 [N, D]."""
    centered = features - mean
    return centered / np.maximum(np.linalg.norm(centered, axis=1, keepdims=True), 1e-12)

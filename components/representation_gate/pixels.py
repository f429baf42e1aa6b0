"""What the gate does to pixels: a mild second view, and the pixels themselves as a reference encoder."""

import numpy as np
import tensorflow as tf

from tfx_contrastive.components.examples.model_input import SeenAs, on_ground
from tfx_contrastive.components.examples.tensorflow_images import as_upright, without_gray_alpha

COLOR_SIZE, GRAY_SIZE = 8, 16
CROP_SHARE = 0.9
_WITH_ALPHA = 4


def crop_views(images: np.ndarray, seen_as: SeenAs) -> np.ndarray:
    """A second view of each image: the upper left 90 % of each side, resized to the former size.

    Args:
        images: Encoded images, object [N] of bytes.
        seen_as: What the model sees: transparent pixels lie on their ground first, unless alpha is wanted.

    Returns:
        PNGs, object [N] of bytes.
    """

    def crop(encoded: tf.Tensor) -> tf.Tensor:
        return _crop_view(_decode(encoded, seen_as, seen_as.channels == _WITH_ALPHA))

    views = tf.data.Dataset.from_tensor_slices(_upright(images))
    encoded = views.map(crop, num_parallel_calls=tf.data.AUTOTUNE).as_numpy_iterator()
    return np.array(list(encoded), object)


def examples_of(images: np.ndarray) -> np.ndarray:
    """Serialized tf.train.Example with `image` only of each encoded image, object [N] of bytes."""
    return np.array([_example(image) for image in images], object)


def _upright(images: np.ndarray) -> tf.Tensor:
    return tf.constant([as_upright(image) for image in images], tf.string)


def _decode(encoded: tf.Tensor, seen_as: SeenAs, keeps_alpha: bool) -> tf.Tensor:
    """Pixels of one image, uint8 [H, W, C]; on their ground, so that C in {1, 3}, unless alpha is kept."""

    def lay(pixels: np.ndarray) -> np.ndarray:
        return on_ground(without_gray_alpha(pixels), seen_as)

    pixels = tf.io.decode_image(encoded, expand_animations=False)
    if not keeps_alpha:
        has_alpha = tf.equal(tf.shape(pixels)[-1] % 2, 0)
        pixels = tf.cond(has_alpha, lambda: tf.numpy_function(lay, [pixels], tf.uint8), lambda: pixels)
    pixels.set_shape([None, None, None])
    return pixels


def _crop_view(pixels: tf.Tensor) -> tf.Tensor:
    size = tf.shape(pixels)[:2]
    kept = tf.maximum(1, tf.cast(tf.round(tf.cast(size, tf.float32) * CROP_SHARE), tf.int32))
    resized = tf.image.resize(pixels[: kept[0], : kept[1]], size, antialias=True)
    return tf.io.encode_png(tf.cast(tf.round(tf.clip_by_value(resized, 0, 255)), tf.uint8))


def _example(image: bytes) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    return tf.train.Example(features=tf.train.Features(feature={"image": feature})).SerializeToString()


def pixel_features(images: np.ndarray, seen_as: SeenAs) -> dict[str, np.ndarray]:
    """The pixels as features, in the forms that an encoder has to beat.

    Args:
        images: Encoded images, object [N] of bytes, N at least 1.
        seen_as: On which ground transparent pixels lie.

    Returns:
        Form -> float32 [N, D], in [0, 1]: color at 8x8 (D = 192) and gray at 16x16 (D = 256).
    """

    def decode(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = _decode(encoded, seen_as, keeps_alpha=False)
        pixels = tf.cond(
            tf.equal(tf.shape(pixels)[-1], 1), lambda: tf.repeat(pixels, 3, axis=-1), lambda: pixels
        )
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

"""The encoder to judge, its twins with shuffled weights, and pixels as a reference."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfx_contrastive.components.examples.model_input import SeenAs, on_ground
from tfx_contrastive.components.examples.tensorflow_images import as_upright, without_gray_alpha
from tfx_contrastive.components.model.saved import LoadedModel
from tfx_contrastive.contract.examples import IMAGE
from tfx_contrastive.contract.metrics.label_free import normalized
from tfx_contrastive.contract.signatures import EMBEDDING, SERVING_DEFAULT

COLOR_SIZE, GRAY_SIZE = 8, 16
CROP_SHARE = 0.9
_WITH_ALPHA = 4


class SavedEncoder:
    """A SavedModel whose `serving_default` maps serialized tf.train.Example to `embedding`."""

    def __init__(self, model_dir: str, batch_size: int):
        """Load the model.

        Args:
            model_dir: Directory of the SavedModel.
            batch_size: Number of examples per call.

        Raises:
            ValueError: If the model has no such signature.
        """
        self._model = LoadedModel(model_dir)
        self._model.require(
            SERVING_DEFAULT, EMBEDDING, "Give the gate the Pretrainer's model, not the classifier."
        )
        self._batch_size = batch_size

    def embed(self, examples: NDArray[Any]) -> NDArray[Any]:
        """Embed examples.

        Args:
            examples: Serialized tf.train.Example, object [N] of bytes.

        Returns:
            Embeddings of length 1, float32 [N, D]; a zero vector stays zero, NaN stays NaN.
        """
        if not len(examples):
            return np.zeros([0, 0], np.float32)
        found = self._model.call(SERVING_DEFAULT, examples.tolist(), self._batch_size)
        embeddings = found[EMBEDDING].astype(np.float32)
        return normalized(embeddings)

    def twins(self, num_twins: int, seed: int) -> Iterator["SavedEncoder"]:
        """Turn this encoder into twins with shuffled weights, one by one; restore the weights at the end.

        A twin has the same architecture and, in each tensor, the same weights in a random order, so it has
        lost all that was learned and nothing else. The weights of an untrained layer are independent and
        identically distributed. An untrained encoder and its twins are therefore draws from one distribution,
        and an encoder that is clearly better than its twins has learned something. This is a permutation
        test in the sense of Fisher; it depends neither on the data set nor on the initializer.

        Only tensors with two or more axes longer than 1 are permuted. Biases and the statistics of
        normalization layers have equal values in an untrained layer and are left as they are.

        Args:
            num_twins: Number of twins.
            seed: Seed of the permutations.

        Yields:
            This object, with permuted weights.
        """
        kernels = [variable for variable in self._model.variables(SERVING_DEFAULT) if _is_kernel(variable)]
        learned = [kernel.numpy() for kernel in kernels]
        if not kernels:
            return
        try:
            for twin in range(num_twins):
                random = np.random.default_rng([seed, twin])
                for kernel, values in zip(kernels, learned, strict=True):
                    kernel.assign(random.permutation(values.reshape(-1)).reshape(values.shape))
                yield self
        finally:
            for kernel, values in zip(kernels, learned, strict=True):
                kernel.assign(values)


def _is_kernel(variable: tf.Variable) -> bool:
    return bool(variable.dtype.is_floating) and sum(axis > 1 for axis in variable.shape) >= 2


def crop_views(images: NDArray[Any], seen_as: SeenAs) -> NDArray[Any]:
    """Return a second view of each image: its upper left 90 % of each side, resized to the image's size.

    Args:
        images: Encoded images, object [N] of bytes.
        seen_as: The model's view of an image: unless it has alpha, transparent pixels get the background.

    Returns:
        PNGs, object [N] of bytes.
    """

    def crop(encoded: tf.Tensor) -> tf.Tensor:
        return _crop_view(_decode(encoded, seen_as, seen_as.channels == _WITH_ALPHA))

    views = tf.data.Dataset.from_tensor_slices(_upright(images))
    encoded = views.map(crop, num_parallel_calls=tf.data.AUTOTUNE).as_numpy_iterator()
    return np.array(list(encoded), object)


def examples_of(images: NDArray[Any]) -> NDArray[Any]:
    """Return a serialized tf.train.Example with only `image` per encoded image, object [N] of bytes."""
    return np.array([_example(image) for image in images], object)


def _upright(images: NDArray[Any]) -> tf.Tensor:
    return tf.constant([as_upright(image) for image in images], tf.string)


def _decode(encoded: tf.Tensor, seen_as: SeenAs, keeps_alpha: bool) -> tf.Tensor:
    """Decode one image to uint8 [H, W, C]; without `keeps_alpha`, on the background and with C in {1, 3}."""

    def lay(pixels: NDArray[Any]) -> NDArray[Any]:
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
    example = tf.train.Example(features=tf.train.Features(feature={IMAGE: feature}))
    return bytes(example.SerializeToString())


def pixel_features(images: NDArray[Any], seen_as: SeenAs) -> dict[str, NDArray[Any]]:
    """Return the pixels of images as features, in two forms with which an encoder is compared.

    Args:
        images: Encoded images, object [N] of bytes, N at least 1.
        seen_as: The model's view of an image, which names the background of transparent pixels.

    Returns:
        Form -> values in [0, 1], float32 [N, D]: color at 8x8 (D = 192) and gray at 16x16 (D = 256).
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


def compared(features: NDArray[Any], mean: NDArray[Any] | float = 0.0) -> NDArray[Any]:
    """Return features minus a mean, normalized to length 1 for cosine similarity; float32 [N, D]."""
    return normalized(features - mean)

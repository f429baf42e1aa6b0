"""Operations on whole networks: encode many images, copy, average, list all layers."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_BATCH_PIXELS = 2_000_000
_MAX_BATCH = 512


class BatchEncoder:
    """An encoder in inference mode for any number of images; its graph is traced once."""

    def __init__(self, encoder: keras.Model, image_shape: tuple[int, ...]):
        """Prepare the graph.

        Args:
            encoder: Pixels [B, H, W, C] to h, float32 [B, D]. Its weights may change between calls.
            image_shape: [height, width, channels].
        """
        self._batch = int(np.clip(_BATCH_PIXELS // np.prod(image_shape), 1, _MAX_BATCH))
        self._width = encoder.output_shape[-1]
        self._forward = tf.function(
            lambda pixels: encoder(pixels, training=False),
            input_signature=[tf.TensorSpec([None, *image_shape], tf.uint8)],
            autograph=False,
        )

    def __call__(self, images: NDArray[Any]) -> NDArray[Any]:
        """Return the representations, float32 [N, D], of images without augmentation, uint8 [N, H, W, C]."""
        h = np.zeros([len(images), self._width], np.float32)
        for start in range(0, len(images), self._batch):
            rows = slice(start, start + self._batch)
            h[rows] = self._forward(tf.constant(images[rows]))
        return h


def copy_network(network: keras.Model) -> keras.Model:
    """Return a network with the same layers and weights, but its own variables."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return copy


def follow(slow: keras.Model, fast: keras.Model, decay: float | tf.Tensor) -> None:
    """Move weights and batch norm statistics of a network towards those of another (exponential average).

    Args:
        slow: The network that is changed.
        fast: A network with the same layers.
        decay: Share of `slow` in its new value, in [0, 1].
    """
    for mean, current in zip(slow.variables, fast.variables, strict=True):
        if tf.as_dtype(mean.dtype).is_floating:
            mean.assign(decay * mean + (1.0 - decay) * current)


def warmed_up(decay: float, step: tf.Tensor) -> tf.Tensor:
    """Return the decay of an average after `step` steps, which is smaller in the first steps.

    Args:
        decay: Decay after many steps, in [0, 1).
        step: Number of steps done, 1 or more, integer scalar.

    Returns:
        float32 scalar.
    """
    done = tf.cast(step, tf.float32)
    return tf.minimum(decay, done / (10.0 + done))


def all_layers(network: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a network, including those of nested networks."""
    layers: list[keras.layers.Layer] = []
    for layer in network.layers:
        layers.extend(all_layers(layer) if isinstance(layer, keras.Model) else [layer])
    return layers

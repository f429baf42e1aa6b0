"""Running the encoder over many images, batch by batch."""

import keras
import numpy as np
import tensorflow as tf

_BATCH_PIXELS = 2_000_000
_MAX_BATCH = 512


class BatchEncoder:
    """An encoder that is run, without training, on any number of images; traced once."""

    def __init__(self, encoder: keras.Model, image_shape: tuple[int, ...]):
        """Takes the encoder.

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

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Representations, float32 [N, D], of images as they are, uint8 [N, H, W, C]."""
        h = np.zeros([len(images), self._width], np.float32)
        for start in range(0, len(images), self._batch):
            rows = slice(start, start + self._batch)
            h[rows] = self._forward(tf.constant(images[rows]))
        return h

"""From a map of features to one vector, with or without the place where each feature was seen."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("tfx_contrastive")
class GridPooling(keras.layers.Layer):
    """Averages a feature map over the cells of a grid, whatever the map's size.

    A map smaller than the grid is repeated, so that small views of an image give as many features as large
    ones. Written as two small matrix products: unlike an area resize, they have a gradient.
    """

    def __init__(self, grid: int, **kwargs: object):
        """Sets the size.

        Args:
            grid: Cells along each side.
            **kwargs: Of every Keras layer.
        """
        super().__init__(**kwargs)
        self.grid = grid

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Pools float [B, H, W, C] to float [B, grid * grid * C], row by row of the grid."""
        shape = tf.shape(features)
        rows, columns = (self._overlaps(shape[axis], features.dtype) for axis in (1, 2))
        pooled = tf.einsum("gh,bhwc->bgwc", rows, features)
        pooled = tf.einsum("gw,bhwc->bhgc", columns, pooled)
        return tf.reshape(pooled, [shape[0], self.grid * self.grid * features.shape[-1]])

    def _overlaps(self, length: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        """Which share of each cell each position covers, float [grid, length]; rows add up to 1."""
        length = tf.cast(length, tf.float32)
        cell = tf.range(self.grid, dtype=tf.float32)[:, tf.newaxis] / self.grid
        position = tf.range(length, dtype=tf.float32)[tf.newaxis] / length
        ends = tf.minimum(cell + 1.0 / self.grid, position + 1.0 / length)
        return tf.cast(self.grid * tf.nn.relu(ends - tf.maximum(cell, position)), dtype)

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, int]:
        """Shape of the result: [B, grid * grid * C]."""
        return input_shape[0], self.grid * self.grid * input_shape[-1]

    def get_config(self) -> dict[str, object]:
        """What `from_config` needs."""
        return {**super().get_config(), "grid": self.grid}


def pool(features: tf.Tensor, grid: int, name: str = "pool") -> tf.Tensor:
    """Pools a feature map.

    Global average pooling makes an encoder blind to where things are: right for photographs. Where objects
    stand upright in the middle of each image, the place tells classes apart, and a grid keeps it.

    Args:
        features: float [B, h, w, C].
        grid: Cells along each side; 1 is global average pooling.
        name: Of the layer.

    Returns:
        float [B, grid * grid * C].
    """
    if grid == 1:
        return keras.layers.GlobalAveragePooling2D(name=name)(features)
    return GridPooling(grid, name=name)(features)

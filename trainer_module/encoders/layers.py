"""Layers without trained weights: pooling over a grid, and edges by orientation."""

import math

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("tfx_contrastive")
class GridPooling(keras.layers.Layer):
    """Average a feature map of any size over the cells of a grid.

    Values of a map smaller than the grid are repeated, so that small views have as many features as large
    ones. Computed by two small matrix products, which, unlike an area resize, have a gradient.
    """

    def __init__(self, grid: int, **kwargs: object):
        """Set the size of the grid.

        Args:
            grid: Number of cells along each side.
            **kwargs: Arguments of every Keras layer.
        """
        super().__init__(**kwargs)
        self.grid = grid

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Average float [B, H, W, C] over the cells, row by row: float [B, grid * grid * C]."""
        shape = tf.shape(features)
        rows, columns = (self._overlaps(shape[axis], features.dtype) for axis in (1, 2))
        pooled = tf.einsum("gh,bhwc->bgwc", rows, features)
        pooled = tf.einsum("gw,bhwc->bhgc", columns, pooled)
        return tf.reshape(pooled, [shape[0], self.grid * self.grid * features.shape[-1]])

    def _overlaps(self, length: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        """Return the share of each cell that each position covers, float [grid, length]; rows sum to 1."""
        length = tf.cast(length, tf.float32)
        cell = tf.range(self.grid, dtype=tf.float32)[:, tf.newaxis] / self.grid
        position = tf.range(length, dtype=tf.float32)[tf.newaxis] / length
        ends = tf.minimum(cell + 1.0 / self.grid, position + 1.0 / length)
        return tf.cast(self.grid * tf.nn.relu(ends - tf.maximum(cell, position)), dtype)

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the shape of the result: [B, grid * grid * C]."""
        return input_shape[0], self.grid * self.grid * input_shape[-1]

    def get_config(self) -> dict[str, object]:
        """Return the arguments of `from_config`."""
        return {**super().get_config(), "grid": self.grid}


def pool(features: tf.Tensor, grid: int, name: str = "pool") -> tf.Tensor:
    """Average a feature map over the cells of a grid.

    Global average pooling discards the positions of features, which suits photographs. If objects are upright
    and centered, positions help to distinguish classes, and a grid keeps them.

    Args:
        features: float [B, h, w, C].
        grid: Number of cells along each side; 1 is global average pooling.
        name: Name of the layer.

    Returns:
        float [B, grid * grid * C].
    """
    if grid == 1:
        return keras.layers.GlobalAveragePooling2D(name=name)(features)
    return GridPooling(grid, name=name)(features)


ORIENTATIONS = 8
_FLOOR = 1e-4  # added before square roots, whose slope is infinite at 0


@keras.saving.register_keras_serializable("tfx_contrastive")
class OrientedGradients(keras.layers.Layer):
    """Strength of the edges of each orientation at each pixel, without trained weights.

    The structure tensor over all channels (Di Zenzo, doi:10.1016/0734-189X(86)90223-9) is independent of the
    sign and color of an edge: an image and its negative have the same. It is distributed over K directions,
    as in histograms of oriented gradients (doi:10.1109/CVPR.2005.177).
    """

    def __init__(self, orientations: int, **kwargs: object):
        """Set the number of directions.

        Args:
            orientations: K, the number of directions, evenly spaced over half a turn.
            **kwargs: Arguments of every Keras layer.
        """
        super().__init__(**kwargs)
        self.orientations = orientations

    def call(self, pixels: tf.Tensor) -> tf.Tensor:
        """Map float [B, H, W, C] to magnitudes, float [B, H, W, K], at least 0; 0 along the border."""
        across = tf.pad(pixels[:, :, 2:] - pixels[:, :, :-2], [[0, 0], [0, 0], [1, 1], [0, 0]])
        down = tf.pad(pixels[:, 2:] - pixels[:, :-2], [[0, 0], [1, 1], [0, 0], [0, 0]])
        even = tf.reduce_sum(across * across - down * down, axis=-1, keepdims=True)  # m^2 cos(2 phi)
        odd = 2.0 * tf.reduce_sum(across * down, axis=-1, keepdims=True)  # m^2 sin(2 phi)
        angles = np.arange(self.orientations) * 2.0 * math.pi / self.orientations
        cos, sin = (tf.constant(part(angles), even.dtype) for part in (np.cos, np.sin))
        along = tf.nn.relu(even * cos + odd * sin)
        return tf.sqrt(along + _FLOOR) - math.sqrt(_FLOOR)

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the result: [B, H, W, K]."""
        return (*input_shape[:-1], self.orientations)

    def get_config(self) -> dict[str, object]:
        """Return the arguments of `from_config`."""
        return {**super().get_config(), "orientations": self.orientations}


def edges_and_colors(x: tf.Tensor, grid: int) -> tf.Tensor:
    """Return features that need no training: edges by orientation, and colors, averaged over a grid.

    The square root limits the weight of a few strong edges, as in Hellinger's distance (RootSIFT,
    doi:10.1109/CVPR.2012.6248018).

    Args:
        x: Standardized pixels, float [B, H, W, C].
        grid: Number of cells along each side, G.

    Returns:
        float [B, G * G * (8 + C)], each number standardized by running statistics.
    """
    edges = pool(
        OrientedGradients(ORIENTATIONS, dtype="float32", name="kept_gradients")(x), grid, "kept_edges"
    )
    edges = keras.ops.sqrt(edges + _FLOOR)
    colors = pool(x, grid, "kept_colors")
    both = keras.layers.Concatenate(name="kept")([edges, colors])
    return keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, center=False, scale=False, name="kept_norm"
    )(both)

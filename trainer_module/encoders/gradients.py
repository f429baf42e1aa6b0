"""An encoder for small color images that need not learn edges and colors first: gradnet."""

import math

import keras
import numpy as np
import tensorflow as tf

from tfx_contrastive.trainer_module.encoders.blocks import basic_block, conv_norm_relu
from tfx_contrastive.trainer_module.encoders.pooling import pool

_ORIENTATIONS = 8
_FLOOR = 1e-4  # added under roots: their slope is infinite at 0


@keras.saving.register_keras_serializable("tfx_contrastive")
class OrientedGradients(keras.layers.Layer):
    """How strong the edges of each orientation are at each pixel. Nothing in it is trained.

    The tensor of the gradients of all channels together (Di Zenzo, doi:10.1016/0734-189X(86)90223-9) knows
    neither the sign of an edge nor its colors: a drawing and its negative have the same. It is shared out
    over K directions, as in histograms of oriented gradients (doi:10.1109/CVPR.2005.177).
    """

    def __init__(self, orientations: int, **kwargs: object):
        """Sets the number of channels.

        Args:
            orientations: K directions, evenly spaced over half a turn.
            **kwargs: Of every Keras layer.
        """
        super().__init__(**kwargs)
        self.orientations = orientations

    def call(self, pixels: tf.Tensor) -> tf.Tensor:
        """From float [B, H, W, C] to magnitudes, float [B, H, W, K], not negative; 0 along the border."""
        across = tf.pad(pixels[:, :, 2:] - pixels[:, :, :-2], [[0, 0], [0, 0], [1, 1], [0, 0]])
        down = tf.pad(pixels[:, 2:] - pixels[:, :-2], [[0, 0], [1, 1], [0, 0], [0, 0]])
        even = tf.reduce_sum(across * across - down * down, axis=-1, keepdims=True)  # m^2 cos(2 phi)
        odd = 2.0 * tf.reduce_sum(across * down, axis=-1, keepdims=True)  # m^2 sin(2 phi)
        angles = np.arange(self.orientations) * 2.0 * math.pi / self.orientations
        cos, sin = (tf.constant(part(angles), even.dtype) for part in (np.cos, np.sin))
        along = tf.nn.relu(even * cos + odd * sin)
        return tf.sqrt(along + _FLOOR) - math.sqrt(_FLOOR)

    def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the result: [B, H, W, K]."""
        return (*input_shape[:-1], self.orientations)

    def get_config(self) -> dict[str, object]:
        """What `from_config` needs."""
        return {**super().get_config(), "orientations": self.orientations}


def edges_and_colors(x: tf.Tensor, grid: int) -> tf.Tensor:
    """What can be seen without training: edges by orientation, and colors, cell by cell.

    The root keeps few strong edges from outweighing all others, as in Hellinger's distance (RootSIFT,
    doi:10.1109/CVPR.2012.6248018).

    Args:
        x: Standardized pixels, float [B, H, W, C].
        grid: Cells along each side, G.

    Returns:
        float [B, G * G * (8 + C)], each number standardized by running statistics.
    """
    edges = pool(
        OrientedGradients(_ORIENTATIONS, dtype="float32", name="kept_gradients")(x), grid, "kept_edges"
    )
    edges = keras.ops.sqrt(edges + _FLOOR)
    colors = pool(x, grid, "kept_colors")
    both = keras.layers.Concatenate(name="kept")([edges, colors])
    return keras.layers.BatchNormalization(
        momentum=0.9, epsilon=1e-5, center=False, scale=False, name="kept_norm"
    )(both)


def gradnet(x: tf.Tensor, widths: tuple[int, int]) -> tf.Tensor:
    """Edges and colors at half the resolution, two convolutions of stride 2, and a residual block.

    A first layer that is given costs a CPU a fraction of one that is learned at full resolution, and a few
    hundred steps suffice for what follows (docs/experiments.md).

    Args:
        x: Standardized pixels, float [B, H, W, C].
        widths: Channels of the two convolutions.

    Returns:
        Features, float [B, ceil(H / 8), ceil(W / 8), widths[1]].
    """
    layers = keras.layers
    edges = OrientedGradients(_ORIENTATIONS, dtype="float32", name="stem_gradients")(x)
    x = layers.Concatenate(name="stem_edges_and_colors")([edges, x])
    x = layers.AveragePooling2D(2, padding="same", name="stem_halved")(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="stem_norm")(x)
    x = conv_norm_relu(x, widths[0], 2, "stage1")
    x = conv_norm_relu(x, widths[1], 2, "stage2")
    return basic_block(x, widths[1], 1, "stage2_block")

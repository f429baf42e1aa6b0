"""Building blocks of the convolutional encoders."""

import keras
import tensorflow as tf


def conv_norm_relu(x: tf.Tensor, width: int, stride: int, name: str, kernel: int = 3) -> tf.Tensor:
    """A convolution without bias, batch norm, ReLU.

    Args:
        x: float [B, H, W, C].
        width: Channels of the result.
        stride: 1, or 2 to halve the resolution (rounding up).
        name: Prefix of the layers' names.
        kernel: Side of the convolution's window.

    Returns:
        float [B, ceil(H / stride), ceil(W / stride), width].
    """
    return keras.layers.ReLU(name=f"{name}_relu")(_conv_norm(x, width, kernel, stride, name))


def basic_block(x: tf.Tensor, width: int, stride: int, name: str) -> tf.Tensor:
    """The residual block of two 3x3 convolutions (ResNet, arXiv:1512.03385, figure 2 and eq. 1, 2).

    The shortcut is the identity, or a 1x1 convolution with batch norm where the shape changes.

    Args:
        x: float [B, H, W, C].
        width: Channels of the result.
        stride: Of the first convolution and of the shortcut.
        name: Prefix of the layers' names.

    Returns:
        float [B, ceil(H / stride), ceil(W / stride), width], not negative.
    """
    shortcut = x
    if stride != 1 or x.shape[-1] != width:
        shortcut = _conv_norm(x, width, 1, stride, f"{name}_shortcut")
    y = conv_norm_relu(x, width, stride, f"{name}_a")
    y = _conv_norm(y, width, 3, 1, f"{name}_b")
    y = keras.layers.Add(name=f"{name}_add")([y, shortcut])
    return keras.layers.ReLU(name=f"{name}_relu")(y)


def _conv_norm(x: tf.Tensor, width: int, kernel: int, stride: int, name: str) -> tf.Tensor:
    layers = keras.layers
    x = layers.Conv2D(width, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_norm")(x)

"""Four-layer convolutional encoders for small images: c4 and its narrow form c4n."""

import keras
import tensorflow as tf

from trainer_module.encoders.registry import register_encoder

_STRIDES = (1, 2, 2, 2)


def conv4(x: tf.Tensor, widths: tuple[int, int, int, int]) -> tf.Tensor:
    """Four 3x3 convolutions, each with batch norm and ReLU, then global average pooling.

    The first keeps the resolution, each of the others halves it.

    Args:
        x: Standardised pixels, float [B, H, W, C].
        widths: Channels after each convolution.

    Returns:
        Features, float [B, widths[3]].
    """
    layers = keras.layers
    for index, (width, stride) in enumerate(zip(widths, _STRIDES, strict=True)):
        x = layers.Conv2D(width, 3, stride, padding="same", use_bias=False, name=f"conv{index}")(x)
        x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"norm{index}")(x)
        x = layers.ReLU(name=f"relu{index}")(x)
    return layers.GlobalAveragePooling2D(name="pool")(x)


@register_encoder("c4")
def c4(x: tf.Tensor) -> tf.Tensor:
    """Widths 32, 64, 128, 256: 0.39 M parameters."""
    return conv4(x, (32, 64, 128, 256))


@register_encoder("c4n")
def c4n(x: tf.Tensor) -> tf.Tensor:
    """Widths 16, 32, 64, 128: 0.1 M parameters."""
    return conv4(x, (16, 32, 64, 128))

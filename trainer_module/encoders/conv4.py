"""Four-layer convolutional encoders for small images: c4 and its narrow form c4n."""

import tensorflow as tf

from tfx_contrastive.trainer_module.encoders.blocks import conv_norm_relu

_STRIDES = (1, 2, 2, 2)


def conv4(x: tf.Tensor, widths: tuple[int, int, int, int]) -> tf.Tensor:
    """Four 3x3 convolutions, each with batch norm and ReLU.

    The first keeps the resolution, each of the others halves it.

    Args:
        x: Standardised pixels, float [B, H, W, C].
        widths: Channels after each convolution.

    Returns:
        Features, float [B, h, w, widths[3]].
    """
    for index, (width, stride) in enumerate(zip(widths, _STRIDES, strict=True)):
        x = conv_norm_relu(x, width, stride, f"layer{index}")
    return x

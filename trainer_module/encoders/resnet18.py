"""ResNet-18: the published network, with a stem for small or for large images."""

import keras
import tensorflow as tf

from tfx_contrastive.trainer_module.encoders.blocks import basic_block, conv_norm_relu

_BLOCKS_IN_A_STAGE = 2


def resnet18(x: tf.Tensor, width: int, large_images: bool = False) -> tf.Tensor:
    """Four stages of two residual blocks (arXiv:1512.03385, table 1).

    The published stem, a 7x7 convolution and a max-pool, divides the resolution by four before the
    first stage: right for 224x224, while a 28x28 image would be 7x7 by then. For small images the stem
    is one 3x3 convolution at full resolution (SimCLR's form for CIFAR-10, arXiv:2002.05709, appendix B.9).

    Args:
        x: Standardised pixels, float [B, H, W, C].
        width: Channels of the stem and the first stage; each stage has twice those of the one before.
            64 is the published one.
        large_images: The published stem.

    Returns:
        Features, float [B, h, w, 8 * width].
    """
    layers = keras.layers
    if large_images:
        x = conv_norm_relu(x, width, 2, "stem", kernel=7)
        x = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    else:
        x = conv_norm_relu(x, width, 1, "stem")
    for stage in range(4):
        for block in range(_BLOCKS_IN_A_STAGE):
            stride = 2 if stage > 0 and block == 0 else 1
            x = basic_block(x, width << stage, stride, f"stage{stage + 1}_block{block + 1}")
    return x

"""ResNet-9 for small images: resnet9 and its narrow form resnet9n."""

import tensorflow as tf

from tfx_contrastive.trainer_module.encoders.blocks import basic_block, conv_norm_relu


def resnet9(x: tf.Tensor, widths: tuple[int, int, int, int]) -> tf.Tensor:
    """Eight convolutions: a stem, three that halve the resolution, a residual block after two of these.

    The layout of the networks that won DAWNBench on CIFAR-10 (stem, stage with a block, stage, stage with a
    block), with stride 2 where they convolve at full resolution and max-pool: that costs a CPU a
    quarter.

    Args:
        x: Standardised pixels, float [B, H, W, C].
        widths: Channels of the stem and of the three stages.

    Returns:
        Features, float [B, h, w, widths[3]].
    """
    x = conv_norm_relu(x, widths[0], 1, "stem")
    x = conv_norm_relu(x, widths[1], 2, "stage1")
    x = basic_block(x, widths[1], 1, "stage1_block")
    x = conv_norm_relu(x, widths[2], 2, "stage2")
    x = conv_norm_relu(x, widths[3], 2, "stage3")
    return basic_block(x, widths[3], 1, "stage3_block")

"""The project's own networks, from standardized pixels to a feature map."""

import functools
from collections.abc import Callable

import keras
import tensorflow as tf

from tfx_contrastive.trainer_module.encoders.layers import ORIENTATIONS, OrientedGradients


def conv_norm_relu(x: tf.Tensor, width: int, stride: int, name: str, kernel: int = 3) -> tf.Tensor:
    """Apply a convolution without bias, batch norm and ReLU.

    Args:
        x: float [B, H, W, C].
        width: Number of output channels.
        stride: 1, or 2 to halve the resolution (rounded up).
        name: Prefix of the layers' names.
        kernel: Height and width of the kernel.

    Returns:
        float [B, ceil(H / stride), ceil(W / stride), width].
    """
    return keras.layers.ReLU(name=f"{name}_relu")(_conv_norm(x, width, kernel, stride, name))


def basic_block(x: tf.Tensor, width: int, stride: int, name: str) -> tf.Tensor:
    """Apply a residual block of two 3x3 convolutions (ResNet, arXiv:1512.03385, figure 2 and eq. 1, 2).

    The shortcut is the identity, or a 1x1 convolution with batch norm if the shape changes.

    Args:
        x: float [B, H, W, C].
        width: Number of output channels.
        stride: Stride of the first convolution and of the shortcut.
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


_STRIDES = (1, 2, 2, 2)


def conv4(x: tf.Tensor, widths: tuple[int, int, int, int]) -> tf.Tensor:
    """Apply four 3x3 convolutions, each with batch norm and ReLU.

    The first keeps the resolution, the others halve it.

    Args:
        x: Standardized pixels, float [B, H, W, C].
        widths: Channels after each convolution.

    Returns:
        Features, float [B, h, w, widths[3]].
    """
    for index, (width, stride) in enumerate(zip(widths, _STRIDES, strict=True)):
        x = conv_norm_relu(x, width, stride, f"layer{index}")
    return x


def gradnet(x: tf.Tensor, widths: tuple[int, int]) -> tf.Tensor:
    """Compute edges and colors at half the resolution; apply two convolutions and a residual block.

    The fixed first layer takes a fraction of the CPU time of a trained one at full resolution, and a few
    hundred steps suffice to train the rest (docs/experiments.md).

    Args:
        x: Standardized pixels, float [B, H, W, C].
        widths: Channels of the two convolutions.

    Returns:
        Features, float [B, ceil(H / 8), ceil(W / 8), widths[1]].
    """
    layers = keras.layers
    edges = OrientedGradients(ORIENTATIONS, dtype="float32", name="stem_gradients")(x)
    x = layers.Concatenate(name="stem_edges_and_colors")([edges, x])
    x = layers.AveragePooling2D(2, padding="same", name="stem_halved")(x)
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="stem_norm")(x)
    x = conv_norm_relu(x, widths[0], 2, "stage1")
    x = conv_norm_relu(x, widths[1], 2, "stage2")
    return basic_block(x, widths[1], 1, "stage2_block")


def resnet9(x: tf.Tensor, widths: tuple[int, int, int, int]) -> tf.Tensor:
    """Apply eight convolutions: a stem, and three stages, of which the first and last have a residual block.

    This is the layout of the networks that won DAWNBench on CIFAR-10. They convolve at full resolution and
    max-pool; a stride of 2 takes a quarter of the CPU time.

    Args:
        x: Standardized pixels, float [B, H, W, C].
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


_BLOCKS_PER_STAGE = 2


def resnet18(x: tf.Tensor, width: int, large_images: bool = False) -> tf.Tensor:
    """Apply four stages of two residual blocks (arXiv:1512.03385, table 1).

    The published stem, a 7x7 convolution and a max-pool, divides the resolution by four before the
    first stage: it suits images of 224x224, but turns 28x28 into 7x7. For small images the stem is one
    3x3 convolution at full resolution (SimCLR's form for CIFAR-10, arXiv:2002.05709, appendix B.9).

    Args:
        x: Standardized pixels, float [B, H, W, C].
        width: Channels of the stem and the first stage, 64 as published; each later stage doubles them.
        large_images: True for the published stem.

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
        for block in range(_BLOCKS_PER_STAGE):
            stride = 2 if stage > 0 and block == 0 else 1
            x = basic_block(x, width << stage, stride, f"stage{stage + 1}_block{block + 1}")
    return x


# Maps standardized pixels, float [B, H, W, C], to features, float [B, h, w, D].
Body = Callable[[tf.Tensor], tf.Tensor]

_WIDE, _NARROW = (32, 64, 128, 256), (16, 32, 64, 128)

BODIES: dict[str, Body] = {
    "c4": functools.partial(conv4, widths=_WIDE),  # 0.39 M parameters
    "c4n": functools.partial(conv4, widths=_NARROW),  # 0.1 M
    "resnet9": functools.partial(resnet9, widths=_WIDE),  # 1.6 M
    "resnet9n": functools.partial(resnet9, widths=_NARROW),  # 0.4 M, as many multiplications as c4
    "resnet18": functools.partial(resnet18, width=64),  # 11.2 M, the published width
    "resnet18n": functools.partial(resnet18, width=16),  # 0.7 M
    "resnet18_large": functools.partial(resnet18, width=64, large_images=True),  # 11.2 M
    "gradnet": functools.partial(gradnet, widths=(64, 128)),  # 0.4 M
}

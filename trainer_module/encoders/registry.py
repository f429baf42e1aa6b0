"""Bodies of the project's own encoders by name."""

import functools
from collections.abc import Callable

import tensorflow as tf

from tfx_contrastive.trainer_module.encoders.conv4 import conv4
from tfx_contrastive.trainer_module.encoders.gradients import gradnet
from tfx_contrastive.trainer_module.encoders.resnet9 import resnet9
from tfx_contrastive.trainer_module.encoders.resnet18 import resnet18

# From standardised pixels, float [B, H, W, C], to features, float [B, h, w, D].
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

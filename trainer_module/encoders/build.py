"""Building an encoder: pixel standardisation, a body by name, an optional latent layer."""

from collections.abc import Sequence

import keras
import numpy as np

from tfx_contrastive.trainer_module.config import KERAS_PREFIX, EncoderConfig, min_side
from tfx_contrastive.trainer_module.encoders.gradients import edges_and_colors
from tfx_contrastive.trainer_module.encoders.keras_applications import keras_application
from tfx_contrastive.trainer_module.encoders.pooling import pool
from tfx_contrastive.trainer_module.encoders.registry import BODIES


def build_encoder(
    config: EncoderConfig,
    image_shape: tuple[int, int, int],
    mean: Sequence[float] | np.ndarray,
    std: Sequence[float] | np.ndarray,
) -> keras.Model:
    """Builds an untrained encoder.

    Scaling of the pixels is its first layer, so that training and serving feed it the same: own networks
    get pixels standardised by the data's statistics, those of keras.applications what their weights
    were made for.

    Args:
        config: Name of the body and width of h; a weights file is left to `load_pretrained`.
        image_shape: [height, width, channels] of the pixels. Smaller views pass too, the network
            being convolutional.
        mean: Mean of each channel, [C], in units of [0, 1] pixels.
        std: Standard deviation of each channel, [C], same units.

    Returns:
        Model from pixels in [0, 255], any numeric dtype, [B, H, W, C] to h, float32 [B, D].

    Raises:
        ValueError: If the images are too small for the network, or the statistics don't fit the channels.
    """
    check_image_size(config.name, image_shape[:2])
    mean, std = (np.asarray(value, np.float64).reshape(-1) for value in (mean, std))
    channels = image_shape[2]
    if mean.size != channels or std.size != channels or not np.all(std > 0):
        raise ValueError(
            f"mean {mean.tolist()} and std {std.tolist()} were received for {channels} channels: "
            "give one mean and one positive std a channel"
        )
    layers = keras.layers
    pixels = layers.Input((None, None, channels), dtype="float32", name="pixels")
    scale, offset = (1.0 / (255.0 * std)).tolist(), (-mean / std).tolist()
    standardize = layers.Rescaling(scale, offset, dtype="float32", name="standardize")
    if config.name.startswith(KERAS_PREFIX):
        features = keras_application(pixels, config.name.removeprefix(KERAS_PREFIX))
    else:
        features = BODIES[config.name](standardize(pixels))
    h = pool(features, config.pooling_grid)
    if config.latent_dim is not None:
        h = layers.Dense(config.latent_dim, use_bias=False, name="latent")(h)
        h = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="latent_norm")(h)
    if config.gradient_grid:
        kept = edges_and_colors(standardize(pixels), config.gradient_grid)
        h = layers.Concatenate(name="learned_and_kept")([h, kept])
    h = layers.Activation("linear", dtype="float32", name="representation")(h)
    return keras.Model(pixels, h, name="encoder")


def check_image_size(name: str, size: Sequence[int]) -> None:
    """Refuses images, or views, that are smaller than an encoder can take.

    Args:
        name: Of the encoder.
        size: Height and width.

    Raises:
        ValueError: If either is too small.
    """
    side = min_side(name)
    if min(size) < side:
        raise ValueError(
            f"the encoder {name} was given images of {size[0]}x{size[1]}, but needs at least {side}x{side}: "
            "raise image.height and image.width (and views.small.size, if small views are meant), or take "
            "an encoder for small images such as resnet9n"
        )

"""Building an encoder: pixel standardisation, a body by name, an optional latent layer."""

from collections.abc import Sequence

import keras
import numpy as np

from trainer_module.config import EncoderConfig
from trainer_module.encoders import conv4, resnet9  # noqa: F401 - register their encoders
from trainer_module.encoders.registry import get_body


def build_encoder(
    config: EncoderConfig,
    image_shape: tuple[int, int, int],
    mean: Sequence[float] | np.ndarray,
    std: Sequence[float] | np.ndarray,
) -> keras.Model:
    """Builds an untrained encoder.

    Standardisation is its first layer, so that training and serving feed it the same pixels.

    Args:
        config: Name of the body and width of h.
        image_shape: [height, width, channels] of the pixels. Height and width only document the usual
            size: smaller views pass too, the network being convolutional.
        mean: Mean of each channel, [C], in units of [0, 1] pixels.
        std: Standard deviation of each channel, [C], same units.

    Returns:
        Model from pixels in [0, 255], any numeric dtype, [B, H, W, C] to h, float32 [B, D].

    Raises:
        ValueError: If the name is unknown or the statistics don't fit the channels.
    """
    mean, std = (np.asarray(value, np.float64).reshape(-1) for value in (mean, std))
    channels = image_shape[2]
    if mean.size != channels or std.size != channels or not np.all(std > 0):
        raise ValueError(
            f"mean {mean.tolist()} and std {std.tolist()} were received for {channels} channels: "
            "give one mean and one positive std a channel"
        )
    layers = keras.layers
    pixels = layers.Input((None, None, channels), dtype="float32", name="pixels")
    x = layers.Rescaling(
        scale=(1.0 / (255.0 * std)).tolist(),
        offset=(-mean / std).tolist(),
        dtype="float32",
        name="standardize",
    )(pixels)
    h = get_body(config.name)(x)
    if config.latent_dim is not None:
        h = layers.Dense(config.latent_dim, name="latent")(h)
    h = layers.Activation("linear", dtype="float32", name="representation")(h)
    return keras.Model(pixels, h, name=config.name)

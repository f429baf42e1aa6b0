"""Building, saving and loading of encoders, and models around an encoder."""

import json
import os
import tempfile
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.trainer_module.config import KERAS_PREFIX, EncoderConfig, min_side
from tfx_contrastive.trainer_module.encoders.bodies import BODIES
from tfx_contrastive.trainer_module.encoders.keras_applications import keras_application
from tfx_contrastive.trainer_module.encoders.layers import edges_and_colors, pool

_DESCRIPTION = "encoder.json"
_WEIGHTS = "encoder.weights.h5"


def build_encoder(
    config: EncoderConfig,
    image_shape: tuple[int, int, int],
    mean: Sequence[float] | NDArray[Any],
    std: Sequence[float] | NDArray[Any],
) -> keras.Model:
    """Build an untrained encoder.

    Its first layer scales the pixels, so that training and serving pass the same pixels. The project's own
    networks get pixels standardized by the statistics of the data, networks of keras.applications the scale
    that their pretrained weights expect.

    Args:
        config: Name of the network and width of h. Its weights file is not read; see `load_pretrained`.
        image_shape: [height, width, channels] of the pixels. The network is convolutional
            and takes smaller views too.
        mean: Mean of each channel, [C], for pixels in [0, 1].
        std: Standard deviation of each channel, [C], in the same unit.

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
            "give one mean and one positive std per channel"
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
    """Check that images or views are not too small for an encoder.

    Args:
        name: Name of the encoder.
        size: Height and width.

    Raises:
        ConfigError: If either is too small.
    """
    side = min_side(name)
    if min(size) < side:
        raise ConfigError(
            f"the encoder {name} was given images of {size[0]}x{size[1]}, but needs at least {side}x{side}: "
            "raise image.height and image.width (for small views, views.small.size), or choose an "
            "encoder for small images such as resnet9n"
        )


def build_projection_head(input_dim: int, dims: tuple[int, ...]) -> keras.Model:
    """Build the MLP g of SimCLR (arXiv:2002.05709, section 2.1): z = g(h).

    Args:
        input_dim: Width of h.
        dims: Width of each layer. Batch norm and ReLU follow each layer but the last.

    Returns:
        Model from h, float [B, input_dim], to z, float32 [B, dims[-1]], not normalized.
    """
    layers = keras.layers
    h = layers.Input((input_dim,), dtype="float32", name="representation")
    z = h
    for index, dim in enumerate(dims[:-1]):
        z = layers.Dense(dim, use_bias=False, name=f"dense{index}")(z)
        z = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"norm{index}")(z)
        z = layers.ReLU(name=f"relu{index}")(z)
    z = layers.Dense(dims[-1], use_bias=False, dtype="float32", name="projection")(z)
    return keras.Model(h, z, name="projection_head")


def mirrored(encoder: keras.Model) -> keras.Model:
    """Return a model that averages h over an image and its mirror image.

    A linear classifier on it averages the logits of both. This is test-time augmentation (as in AlexNet,
    section 4.1 of doi:10.1145/3065386, which also averages over crops) and needs a second forward pass.

    Args:
        encoder: Pixels, [B, H, W, C], to h, float32 [B, D]. Its layers are shared, not copied.

    Returns:
        Model from the same pixels to h, float32 [B, D], which is equal for an image and its mirror image.
    """
    pixels = keras.layers.Input(encoder.input_shape[1:], dtype="float32", name="pixels")
    both = encoder(pixels), encoder(keras.ops.flip(pixels, axis=2))
    return keras.Model(pixels, keras.layers.Average(name="representation")(both), name="mirrored_encoder")


def save_encoder(
    directory: str,
    encoder: keras.Model,
    config: EncoderConfig,
    image_shape: tuple[int, int, int],
    mean: Sequence[float] | NDArray[Any],
    std: Sequence[float] | NDArray[Any],
) -> None:
    """Write `encoder.json` and `encoder.weights.h5` into `directory`, local or remote.

    Args:
        directory: The directory; it is made if need be.
        encoder: A trained encoder that `build_encoder` built from the other arguments.
        config: Name of the network and width of h.
        image_shape: [height, width, channels].
        mean: Mean of each channel, [C].
        std: Standard deviation of each channel, [C].
    """
    with tempfile.TemporaryDirectory() as scratch:  # Keras writes local files only
        local = os.path.join(scratch, _WEIGHTS)
        encoder.save_weights(local)
        files.copy(local, files.join(directory, _WEIGHTS))
    description = {
        "encoder": config.model_dump(exclude={"weights", "weights_sha256"}),  # the weights file has them
        "image_shape": list(image_shape),
        "mean": np.asarray(mean, np.float64).tolist(),
        "std": np.asarray(std, np.float64).tolist(),
    }
    files.write_text(files.join(directory, _DESCRIPTION), json.dumps(description, indent=2))


def load_encoder(directory: str) -> keras.Model:
    """Rebuild the encoder that `save_encoder` wrote.

    Args:
        directory: Directory of the two files, local or remote.

    Returns:
        Model from pixels in [0, 255], [B, H, W, C], to h, float32 [B, D].

    Raises:
        ValueError: If the directory contains no encoder.
    """
    path = files.join(directory, _DESCRIPTION)
    if not files.is_file(path):
        raise ValueError(
            f"{directory} contains no {_DESCRIPTION}: give the model directory that the Pretrainer wrote"
        )
    description = json.loads(files.read_text(path))
    encoder = build_encoder(
        EncoderConfig.model_validate(description["encoder"]),
        tuple(description["image_shape"]),
        description["mean"],
        description["std"],
    )
    with tempfile.TemporaryDirectory() as scratch:
        local = os.path.join(scratch, _WEIGHTS)
        files.copy(files.join(directory, _WEIGHTS), local)
        encoder.load_weights(local)
    return encoder

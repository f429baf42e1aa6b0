"""Saving an encoder so that Keras can rebuild it: a JSON description beside a weights file."""

import json
import os
import tempfile
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfx_contrastive.trainer_module.config import EncoderConfig
from tfx_contrastive.trainer_module.encoders.build import build_encoder

_DESCRIPTION = "encoder.json"
_WEIGHTS = "encoder.weights.h5"


def save_encoder(
    directory: str,
    encoder: keras.Model,
    config: EncoderConfig,
    image_shape: tuple[int, int, int],
    mean: Sequence[float] | np.ndarray,
    std: Sequence[float] | np.ndarray,
) -> None:
    """Writes `encoder.json` and `encoder.weights.h5` into `directory`, local or remote.

    Args:
        directory: Where to; made if missing.
        encoder: What `build_encoder` returned for the other arguments, trained.
        config: Name of the body and width of h.
        image_shape: [height, width, channels].
        mean: Mean of each channel, [C].
        std: Standard deviation of each channel, [C].
    """
    tf.io.gfile.makedirs(directory)
    with tempfile.TemporaryDirectory() as scratch:  # Keras writes local files only
        local = os.path.join(scratch, _WEIGHTS)
        encoder.save_weights(local)
        tf.io.gfile.copy(local, os.path.join(directory, _WEIGHTS), overwrite=True)
    description = {
        "encoder": config.model_dump(exclude={"weights", "weights_sha256"}),  # they are in the other file
        "image_shape": list(image_shape),
        "mean": np.asarray(mean, np.float64).tolist(),
        "std": np.asarray(std, np.float64).tolist(),
    }
    with tf.io.gfile.GFile(os.path.join(directory, _DESCRIPTION), "w") as file:
        file.write(json.dumps(description, indent=2))


def load_encoder(directory: str) -> keras.Model:
    """Rebuilds the encoder that `save_encoder` wrote.

    Args:
        directory: Where the two files are, local or remote.

    Returns:
        Model from pixels in [0, 255], [B, H, W, C], to h, float32 [B, D].

    Raises:
        ValueError: If the directory holds no encoder.
    """
    path = os.path.join(directory, _DESCRIPTION)
    if not tf.io.gfile.exists(path):
        raise ValueError(
            f"{directory} holds no {_DESCRIPTION}: give the model directory that the Pretrainer wrote"
        )
    with tf.io.gfile.GFile(path) as file:
        description = json.loads(file.read())
    encoder = build_encoder(
        EncoderConfig.model_validate(description["encoder"]),
        tuple(description["image_shape"]),
        description["mean"],
        description["std"],
    )
    with tempfile.TemporaryDirectory() as scratch:
        local = os.path.join(scratch, _WEIGHTS)
        tf.io.gfile.copy(os.path.join(directory, _WEIGHTS), local)
        encoder.load_weights(local)
    return encoder

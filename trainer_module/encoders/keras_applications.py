"""Networks of keras.applications as encoders, with the input that they expect."""

import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.trainer_module.images import channel_matrices

_CHUNK = 1 << 20


@keras.saving.register_keras_serializable(package="tfx_contrastive")
class ModelInput(keras.layers.Layer):
    """Map pixels with any number of channels to the three channels and the scale that a network expects.

    Gray is repeated and alpha dropped, as in decoding; then the network's own preprocessing follows. Both are
    linear, so one matrix product computes them.
    """

    def __init__(self, matrix: Sequence[Sequence[float]], offset: Sequence[float], **settings: object):
        """Set the linear map.

        Args:
            matrix: [C, 3].
            offset: [3], added to the product.
            **settings: Arguments of a Keras layer.
        """
        super().__init__(**settings)
        self._matrix = np.asarray(matrix, np.float32).tolist()
        self._offset = np.asarray(offset, np.float32).tolist()

    def call(self, pixels: tf.Tensor) -> tf.Tensor:
        """Map pixels from 0 to 255, float [B, H, W, C], to float [B, H, W, 3]."""
        matrix = keras.ops.convert_to_tensor(self._matrix, pixels.dtype)
        return keras.ops.matmul(pixels, matrix) + keras.ops.convert_to_tensor(self._offset, pixels.dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the result: [B, H, W, 3]."""
        return (*input_shape[:-1], 3)

    def get_config(self) -> dict[str, object]:
        """Return the arguments of `from_config`."""
        return {**super().get_config(), "matrix": self._matrix, "offset": self._offset}


def keras_application(pixels: tf.Tensor, name: str) -> tf.Tensor:
    """Apply a network of keras.applications without its classifier, with random weights.

    Args:
        pixels: From 0 to 255, not standardized, float [B, H, W, C].
        name: Name of the function in keras.applications, such as `EfficientNetB0`.

    Returns:
        Its features, float [B, h, w, D].
    """
    make = getattr(keras.applications, name)
    network = make(include_top=False, weights=None, input_shape=(None, None, 3))
    return network(ModelInput(*input_map(make, pixels.shape[-1]), dtype="float32", name="input_map")(pixels))


def input_map(make: Callable[..., keras.Model], channels: int) -> tuple[list[list[float]], list[float]]:
    """Return the linear map from pixels to the input of a network, including its `preprocess_input`.

    Networks that rescale inside have a `preprocess_input` without effect.

    Args:
        make: Function of keras.applications that builds the network.
        channels: Number of channels of the pixels: 1, 3 or 4.

    Returns:
        matrix [channels, 3] and offset [3], for pixels from 0 to 255.
    """
    preprocess = sys.modules[make.__module__].preprocess_input
    offset = np.asarray(preprocess(np.zeros((1, 1, 3), np.float32)))[0, 0]
    scale = np.asarray(preprocess(np.eye(3, dtype=np.float32)[np.newaxis]))[0] - offset  # [3, 3]
    to_rgb = channel_matrices(3)[channels][:channels]
    return (to_rgb @ scale).tolist(), offset.tolist()


def load_pretrained(encoder: keras.Model, path: str, sha256: str) -> None:
    """Load pretrained weights into the network inside an encoder.

    Args:
        encoder: A model that contains a network of keras.applications; changed in place.
        path: Weights file without the classifier ("notop"), `.h5` or `.weights.h5`, local or remote.
        sha256: Expected SHA-256 of the file, as hexadecimal digits.

    Raises:
        ValueError: If the file is missing, has another digest, or does not fit the network.
    """
    (network,) = (layer for layer in encoder.layers if isinstance(layer, keras.Model))
    if not files.is_file(path):
        raise ConfigError(f"encoder.weights: there is no file {path}: give the path of a weights file")
    with tempfile.TemporaryDirectory() as scratch:  # Keras reads local files only
        local = os.path.join(scratch, os.path.basename(path))
        files.copy(path, local)
        found = _sha256(local)
        if found != sha256:
            raise ConfigError(
                f"encoder.weights: {path} has SHA-256 {found}, but encoder.weights_sha256 is {sha256}: if "
                "the file is the right one, change the digest"
            )
        try:
            with warnings.catch_warnings():
                # Newer Keras leaves layers that the file lacks as they are, with this warning alone.
                warnings.filterwarnings("error", "Skipping nested container")
                network.load_weights(local)
        except (ValueError, OSError, KeyError, UserWarning) as error:
            raise ConfigError(
                f"encoder.weights: {path} does not fit {network.name} without its classifier "
                f"({str(error).splitlines()[0]}): use the 'notop' file of this network"
            ) from error


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

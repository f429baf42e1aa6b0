"""The linear classifier that every mode ends with."""

import dataclasses

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class LinearClassifier:
    """Logits = (h - mean) / std @ kernel + bias.

    Standardised features make one penalty and one learning rate fit every encoder.

    Attributes:
        mean: float32 [D].
        std: float32 [D].
        kernel: float32 [D, K].
        bias: float32 [K].
    """

    mean: np.ndarray
    std: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray

    def logits(self, h: np.ndarray) -> np.ndarray:
        """Logits, float32 [N, K], of representations, float32 [N, D]."""
        return (h - self.mean) / self.std @ self.kernel + self.bias

    def calibrated(self, temperature: float) -> "LinearClassifier":
        """The classifier whose logits are divided by `temperature`."""
        scale = np.float32(1.0 / temperature)
        return dataclasses.replace(self, kernel=self.kernel * scale, bias=self.bias * scale)

    def to_keras(self) -> keras.Model:
        """The same as a Keras model, from h, float32 [B, D], to logits, float32 [B, K].

        Its variables are `kernel` and `bias`; `mean` and `std` are constants.
        """
        dim, num_classes = self.kernel.shape
        h = keras.Input((dim,), dtype="float32", name="representation")
        standardize = keras.layers.Rescaling(
            scale=(1.0 / self.std).tolist(), offset=(-self.mean / self.std).tolist(), dtype="float32"
        )
        layer = keras.layers.Dense(num_classes, dtype="float32", name="logits")
        model = keras.Model(h, layer(standardize(h)), name="classifier_head")
        layer.set_weights([self.kernel, self.bias])
        return model

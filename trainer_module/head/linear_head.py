"""The linear head: fitted to the optimum on a frozen encoder, scored and calibrated.

It is not the linear probe of the representation gate (`contract.metrics.probes`): this one weights classes
and chooses its penalty on `eval`.
"""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax

_MIN_TEMPERATURE, _MAX_TEMPERATURE = 0.01, 100.0

_log = logging.getLogger(__name__)


def accuracy(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the share of images whose largest logit is their class.

    Args:
        logits: float [N, K], N at least 1.
        labels: int [N].
    """
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def log_loss(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """Return the mean negative log-likelihood in nats.

    Args:
        logits: float [N, K], N at least 1.
        labels: int [N].
    """
    return float(-np.mean(log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels]))


def class_weights(labels: NDArray[Any], num_classes: int) -> NDArray[Any]:
    """Return weights that give all classes the same total weight: N / (K * N_k).

    Args:
        labels: Class of each image, int [N]; every class occurs.
        num_classes: K.

    Returns:
        float32 [K]; the mean over the images is 1.
    """
    counts = np.bincount(labels, minlength=num_classes)
    return (len(labels) / (num_classes * counts)).astype(np.float32)


def fit_temperature(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """Fit the temperature T of softmax(logits / T) by maximum likelihood (Guo et al. 2017, arXiv:1706.04599).

    T changes no predicted class. If all images are classified correctly, the likelihood is highest at T = 0.
    Therefore, as in Platt scaling, the targets are smoothed as if there were one more image of unknown class.

    Args:
        logits: float [N, K] of images that are not training images.
        labels: int [N].

    Returns:
        T; 1.0 if there is no image.
    """
    if not len(labels):
        return 1.0
    rows = np.arange(len(labels))
    smoothing = 1.0 / (len(labels) + 1)

    def loss(log_t: float) -> float:
        log_p = log_softmax(logits / np.exp(log_t), axis=1)
        return float(-np.mean((1.0 - smoothing) * log_p[rows, labels] + smoothing * log_p.mean(axis=1)))

    bounds = (np.log(_MIN_TEMPERATURE), np.log(_MAX_TEMPERATURE))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


@dataclasses.dataclass(frozen=True)
class LinearClassifier:
    """Logits = (h - mean) / std @ kernel + bias.

    Features are standardized, so that one penalty and one learning rate suit every encoder.

    Attributes:
        mean: float32 [D].
        std: float32 [D].
        kernel: float32 [D, K].
        bias: float32 [K].
    """

    mean: NDArray[Any]
    std: NDArray[Any]
    kernel: NDArray[Any]
    bias: NDArray[Any]

    def logits(self, h: NDArray[Any]) -> NDArray[Any]:
        """Return the logits, float32 [N, K], of representations, float32 [N, D]."""
        logits: NDArray[Any] = (h - self.mean) / self.std @ self.kernel + self.bias
        return logits

    def calibrated(self, temperature: float) -> "LinearClassifier":
        """Return a classifier whose logits are divided by `temperature`."""
        scale = np.float32(1.0 / temperature)
        return dataclasses.replace(self, kernel=self.kernel * scale, bias=self.bias * scale)

    def to_keras(self) -> keras.Model:
        """Return the same as a Keras model from h, float32 [B, D], to logits, float32 [B, K].

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


@dataclasses.dataclass(frozen=True)
class LinearHead:
    """A classifier on a frozen encoder, and its L2 penalty."""

    classifier: LinearClassifier
    l2: float


def fit_linear_head(
    h: NDArray[Any],
    labels: NDArray[Any],
    weights: NDArray[Any],
    h_eval: NDArray[Any],
    labels_eval: NDArray[Any],
    penalties: Sequence[float],
) -> LinearHead:
    """Fit a head for each penalty and return the best on `eval`.

    The best has the highest accuracy; of equals, the lowest log loss of the calibrated probabilities. Without
    `eval` images the median penalty is used.

    Args:
        h: Representations, float32 [N, D].
        labels: Class of each, int [N], every class from 0 to K-1 occurring.
        weights: Weight of each class, float32 [K].
        h_eval: Representations of `eval`, float32 [M, D].
        labels_eval: Class of each, int [M].
        penalties: Candidate L2 penalties.

    Returns:
        The best head.
    """
    mean, std = h.mean(axis=0), h.std(axis=0) + 1e-6
    x = (h - mean) / std
    theta = np.zeros((h.shape[1] + 1, len(weights)))
    probes = []
    for l2 in sorted(penalties, reverse=True):  # from strong to weak: each starts from the last solution
        theta = _solve(x, labels, weights[labels], l2, theta)
        kernel, bias = theta[:-1].astype(np.float32), theta[-1].astype(np.float32)
        probes.append(LinearHead(LinearClassifier(mean, std, kernel, bias), l2))
    if not len(labels_eval):
        return probes[len(probes) // 2]

    def quality(probe: LinearHead) -> tuple[float, float]:
        logits = probe.classifier.logits(h_eval)
        calibrated = logits / fit_temperature(logits, labels_eval)
        return accuracy(logits, labels_eval), -log_loss(calibrated, labels_eval)

    return max(probes, key=quality)


def _solve(
    x: NDArray[Any], labels: NDArray[Any], weights: NDArray[Any], l2: float, start: NDArray[Any]
) -> NDArray[Any]:
    """Minimize the weighted mean cross-entropy + l2 / 2 * |kernel|^2 with L-BFGS.

    Args:
        x: Standardized features, float [N, D].
        labels: int [N].
        weights: Weight of each image, float [N].
        l2: Penalty of the kernel; the bias has none.
        start: Start values: kernel, and the bias as last row, float [D + 1, K].

    Returns:
        The optimum, float64 [D + 1, K].
    """
    rows = np.arange(len(labels))
    weights = weights / weights.sum()

    def objective(flat: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        theta = flat.reshape(start.shape)
        # Features stay float32, since the matrix products take most of the time.
        kernel = theta[:-1].astype(x.dtype)
        log_p = log_softmax(x @ kernel + theta[-1], axis=1)
        error = np.exp(log_p)
        error[rows, labels] -= 1.0
        error *= weights[:, np.newaxis]
        gradient = np.vstack([x.T @ error.astype(x.dtype) + l2 * theta[:-1], error.sum(axis=0)])
        loss = -np.sum(weights * log_p[rows, labels]) + 0.5 * l2 * np.sum(theta[:-1] ** 2)
        return float(loss), gradient.ravel()

    result = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    if not result.success:
        _log.info("linear head with l2=%g stopped early: %s", l2, result.message)
    optimum: NDArray[Any] = result.x.reshape(start.shape)
    return optimum

"""Softmax regression on a frozen representation, solved to the optimum."""

import dataclasses
import logging
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from tfx_contrastive.trainer_module.head.calibration import fit_temperature
from tfx_contrastive.trainer_module.head.classifier import LinearClassifier
from tfx_contrastive.trainer_module.head.scores import accuracy, log_loss

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class LinearProbe:
    """A classifier on a frozen encoder, and the L2 penalty with which it was fitted."""

    classifier: LinearClassifier
    l2: float


def fit_linear_probe(
    h: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    h_eval: np.ndarray,
    labels_eval: np.ndarray,
    penalties: Sequence[float],
) -> LinearProbe:
    """Fits a probe for each penalty and takes the best on `eval`.

    The best has the highest accuracy; of equals, the one whose calibrated probabilities have the lower
    log loss; without `eval` images, the median penalty is taken.

    Args:
        h: Representations, float32 [N, D].
        labels: Class of each, int [N], every class from 0 to K-1 occurring.
        weights: Weight of each class, float32 [K].
        h_eval: Representations of `eval`, float32 [M, D].
        labels_eval: Class of each, int [M].
        penalties: L2 penalties to try.

    Returns:
        The best probe.
    """
    mean, std = h.mean(axis=0), h.std(axis=0) + 1e-6
    x = (h - mean) / std
    theta = np.zeros((h.shape[1] + 1, len(weights)))
    probes = []
    for l2 in sorted(penalties, reverse=True):  # from strong to weak: each starts where the last ended
        theta = _solve(x, labels, weights[labels], l2, theta)
        kernel, bias = theta[:-1].astype(np.float32), theta[-1].astype(np.float32)
        probes.append(LinearProbe(LinearClassifier(mean, std, kernel, bias), l2))
    if not len(labels_eval):
        return probes[len(probes) // 2]

    def quality(probe: LinearProbe) -> tuple[float, float]:
        logits = probe.classifier.logits(h_eval)
        calibrated = logits / fit_temperature(logits, labels_eval)
        return accuracy(logits, labels_eval), -log_loss(calibrated, labels_eval)

    return max(probes, key=quality)


def _solve(
    x: np.ndarray, labels: np.ndarray, weights: np.ndarray, l2: float, start: np.ndarray
) -> np.ndarray:
    """Minimises the weighted mean cross-entropy + l2 / 2 * |kernel|^2 with L-BFGS.

    Args:
        x: Standardised features, float [N, D].
        labels: int [N].
        weights: Weight of each image, float [N].
        l2: Penalty; the bias has none.
        start: Kernel and, as its last row, bias, float [D + 1, K].

    Returns:
        The optimum, float64 [D + 1, K].
    """
    rows = np.arange(len(labels))
    weights = weights / weights.sum()

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = flat.reshape(start.shape)
        # Features stay float32: the products are most of the time.
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
        _log.info("linear probe with l2=%g stopped early: %s", l2, result.message)
    return result.x.reshape(start.shape)

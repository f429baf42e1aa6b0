"""Temperature scaling: probabilities that mean what they say."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

_MIN_TEMPERATURE, _MAX_TEMPERATURE = 0.01, 100.0


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T that makes softmax(logits / T) most likely (Guo et al. 2017, arXiv:1706.04599).

    One number can't change which class wins, and can hardly overfit. A few images that are all classified
    rightly would still ask for T = 0, that is for certainty: as in Platt's scaling, the targets therefore
    keep the doubt of one more image, of unknown class.

    Args:
        logits: float [N, K] of images that were not trained on.
        labels: int [N].

    Returns:
        T; 1.0 where there is no image.
    """
    if not len(labels):
        return 1.0
    rows = np.arange(len(labels))
    doubt = 1.0 / (len(labels) + 1)

    def loss(log_t: float) -> float:
        log_p = log_softmax(logits / np.exp(log_t), axis=1)
        return float(-np.mean((1.0 - doubt) * log_p[rows, labels] + doubt * log_p.mean(axis=1)))

    bounds = (np.log(_MIN_TEMPERATURE), np.log(_MAX_TEMPERATURE))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))

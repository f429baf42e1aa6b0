"""How good class probabilities are, in NumPy."""

import numpy as np
from scipy.special import log_softmax


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Share of images whose largest logit is their class.

    Args:
        logits: float [N, K], N at least 1.
        labels: int [N].
    """
    return float(np.mean(np.argmax(logits, axis=1) == labels))


def log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood in nats.

    Args:
        logits: float [N, K], N at least 1.
        labels: int [N].
    """
    return float(-np.mean(log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels]))

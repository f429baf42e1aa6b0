"""A linear classifier on embeddings: what the few labels that are known say of the other images."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

# Weak regularisation: embeddings have length 1. Best of 1, 10, 100, 1000 on `eval` of Fashion-MNIST.
_INVERSE_REGULARISATION = 100.0
_MAX_STEPS = 500


def fit(vectors: np.ndarray, labels: np.ndarray) -> LogisticRegression:
    """Fits the probe.

    Args:
        vectors: Embeddings of length 1, float32 [N, D].
        labels: Class names, [N], two different ones at least.

    Returns:
        A classifier with `classes_`, sorted, and `predict_proba`.
    """
    return _probe().fit(vectors, labels)


def held_out_probabilities(
    vectors: np.ndarray, labels: np.ndarray, folds: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """What probes say of images that they were not fitted on.

    Args:
        vectors: Embeddings of length 1, float32 [N, D].
        labels: Class names, [N], each `folds` times at least.
        folds: Number of probes; each is asked about one part and fitted on the others.
        seed: Of the division.

    Returns:
        The classes, [K], sorted, and probabilities, float64 [N, K].
    """
    division = StratifiedKFold(folds, shuffle=True, random_state=seed)
    probabilities = cross_val_predict(_probe(), vectors, labels, cv=division, method="predict_proba")
    return np.unique(labels), probabilities


def _probe() -> LogisticRegression:
    return LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=_MAX_STEPS)

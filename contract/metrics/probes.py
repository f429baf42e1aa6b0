"""Probes: how well a simple classifier predicts labels from frozen embeddings."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.contract.metrics.label_free import normalized

KNN_TEMPERATURE = 0.07  # of the paper
_QUERIES_AT_ONCE = 1_024

Labeled = tuple[NDArray[Any], NDArray[Any]]


def knn_probe(bank: Labeled, queries: NDArray[Any], k: int, temperature: float) -> NDArray[Any]:
    """Predict labels by a weighted vote of the k nearest neighbors (arXiv:1805.01978, section 3.4).

    Args:
        bank: Embeddings, float [N, D], and their labels, int [N], from 0; N at least 1. Normalized here.
        queries: Embeddings, float [M, D]; normalized here. None of them may be in the bank.
        k: Number of neighbors that vote; the whole bank if it is smaller. 200 in the paper.
        temperature: The vote of a neighbor is exp(cosine / temperature). 0.07 in the paper.

    Returns:
        The predicted label of each query, int64 [M]; of tied labels the lowest.

    Raises:
        ValueError: If k or the temperature is not positive, the bank is empty, or its labels do not fit it.
    """
    if k < 1 or not 0 < temperature < np.inf:
        raise ValueError(f"Received k={k} and temperature={temperature}; expected positive numbers.")
    known, labels = normalized(bank[0]), _checked_labels(*bank)
    vectors = normalized(queries)
    k, num_classes = min(k, len(labels)), int(labels.max()) + 1
    predicted = [np.zeros(0, np.int64)]
    for start in range(0, len(vectors), _QUERIES_AT_ONCE):
        similarity = vectors[start : start + _QUERIES_AT_ONCE] @ known.T
        nearest = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        cosine = np.take_along_axis(similarity, nearest, axis=1)
        # Relative to the nearest one: exp(cosine / 0.01) would overflow float32.
        weights = np.exp((cosine - cosine.max(axis=1, keepdims=True)) / temperature)
        votes = np.zeros([len(similarity), num_classes])
        np.add.at(votes, (np.arange(len(similarity))[:, None], labels[nearest]), weights)
        predicted.append(votes.argmax(axis=1))
    return np.concatenate(predicted)


def knn_accuracy(bank: Labeled, queries: Labeled, k: int, temperature: float) -> float:
    """Return the share of queries whose label `knn_probe` predicts.

    Don't compare it across sizes of the bank, k or temperatures, and don't take it for what a trained head
    reaches.

    Args:
        bank: As in `knn_probe`.
        queries: Embeddings, float [M, D], and their labels, int [M], M at least 1; -1 is never predicted.
        k: As in `knn_probe`.
        temperature: As in `knn_probe`.

    Raises:
        ValueError: As in `knn_probe`, or if the queries are empty or their labels do not fit them.
    """
    embeddings, labels = queries
    if len(labels) == 0 or len(embeddings) != len(labels):
        raise ValueError(
            f"Received {len(embeddings)} queries and {len(labels)} labels; expected one label per query, "
            "and at least one query."
        )
    return float(np.mean(knn_probe(bank, embeddings, k, temperature) == np.asarray(labels)))


def _checked_labels(embeddings: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    labels = np.asarray(labels)
    if len(labels) == 0 or labels.shape != (len(embeddings),):
        raise ValueError(
            f"Received labels of shape {labels.shape} for {len(embeddings)} neighbors; expected one label "
            "per neighbor, and at least one neighbor."
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise ValueError(
            f"Received labels of type {labels.dtype} from {labels.min()}; expected integers from 0: leave "
            "unlabeled images (-1) out of the neighbors."
        )
    return labels


class LinearProbe:
    """Multinomial logistic regression on standardized features; cross-validation chooses its strength.

    Only the labeled training images choose the strength, so the accuracy on other images is unbiased. The
    linear head that the Trainer serves is another model: it takes every label, weights classes and chooses
    its penalty on `eval` (`trainer_module.head.linear_head`).
    """

    STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)  # inverse L2 penalties

    def __init__(self, features: NDArray[Any], labels: NDArray[Any], seed: int):
        """Fit the probe.

        Args:
            features: float [N, D].
            labels: int [N], at least two classes. Where a class has one image only, cross-validation is not
                possible and the second strength is used.
            seed: Seed of the folds.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import GridSearchCV, StratifiedKFold
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        folds = min(3, int(np.bincount(labels).min()))
        probe = make_pipeline(
            StandardScaler(), LogisticRegression(C=self.STRENGTHS[1], max_iter=300, tol=1e-3)
        )
        if folds >= 2:
            splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
            probe = GridSearchCV(probe, {"logisticregression__C": list(self.STRENGTHS)}, cv=splitter)
        with warnings.catch_warnings():
            # The weakest penalty rarely converges fully, and is rarely chosen.
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._probe = probe.fit(features, labels)

    def predict(self, features: NDArray[Any]) -> NDArray[Any]:
        """Predict the label of each row of features, float [M, D]; int [M]."""
        return np.asarray(self._probe.predict(features))

    def accuracy(self, features: NDArray[Any], labels: NDArray[Any]) -> float:
        """Return the share of rows, float [M, D], whose label, int [M], is predicted."""
        return float((self.predict(features) == labels).mean())

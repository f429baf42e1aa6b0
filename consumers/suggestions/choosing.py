"""Choice of images to label next and of labels to check again, by a classifier on embeddings."""

import dataclasses
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from tfx_contrastive.contract.errors import InputError

# On Fashion-MNIST's `eval`, 10 was better with 600 labels and 30 was better with 100 labels.
_UNCERTAIN_PER_CHOICE = 20
_MAX_CLUSTERED = 20_000

FOLDS = 5

# Weak regularization, because embeddings have length 1. Best of 1, 10, 100, 1000 on Fashion-MNIST's `eval`.
_INVERSE_REGULARIZATION = 100.0
_MAX_STEPS = 500


@dataclasses.dataclass(frozen=True)
class Choice:
    """Images to label, the most useful first.

    Attributes:
        rows: Positions among the candidates, int64 [n].
        guesses: The most probable class of each, n; empty texts if there are no labels yet.
        uncertainties: One minus the difference between the two largest probabilities, in [0, 1], float64 [n];
            NaN if there are no labels yet.
    """

    rows: NDArray[Any]
    guesses: tuple[str, ...]
    uncertainties: NDArray[Any]


def choose(
    candidates: NDArray[Any], labeled: NDArray[Any], labels: NDArray[Any], num: int, seed: int
) -> Choice:
    """Choose images to label.

    If there are labels of two classes or more, the images with the smallest margin between the two most
    probable classes are divided into `num` clusters, and the image nearest to each center is chosen (Zhdanov,
    arXiv:1901.05954). The margin alone would choose many similar images, and clusters alone many easy ones.

    Without such labels, all images are divided into `num` clusters, so that typical images are chosen.

    Args:
        candidates: Embeddings of the images without a label, float32 [M, D].
        labeled: Embeddings of the images with a label, float32 [N, D].
        labels: The labels, [N].
        num: Number of images to choose; all candidates if there are fewer.
        seed: Seed of the clusters.
    """
    num = min(num, len(candidates))
    if len(np.unique(labels)) < 2:
        rows = _spread(candidates, np.arange(len(candidates)), num, seed)
        return Choice(rows, ("",) * num, np.full(num, np.nan))
    fitted = fit_classifier(labeled, labels)
    probabilities = fitted.predict_proba(candidates)
    runner_up, best = np.sort(probabilities, axis=1)[:, -2:].T
    uncertainty = 1 - (best - runner_up)
    ranked = np.argsort(-uncertainty, kind="stable")
    rows = _spread(candidates, ranked[: num * _UNCERTAIN_PER_CHOICE], num, seed)
    rows = rows[np.argsort(-uncertainty[rows], kind="stable")]
    guesses = fitted.classes_[probabilities[rows].argmax(axis=1)]
    return Choice(rows, tuple(str(guess) for guess in guesses), uncertainty[rows])


def _spread(vectors: NDArray[Any], rows: NDArray[Any], num: int, seed: int) -> NDArray[Any]:
    """Divide rows into `num` clusters and return the row nearest to each center, large clusters first."""
    if len(rows) <= num:
        return rows
    if len(rows) > max(_MAX_CLUSTERED, num):
        some = np.random.default_rng(seed).choice(len(rows), max(_MAX_CLUSTERED, num), replace=False)
        rows = rows[np.sort(some)]
    points = vectors[rows]
    with warnings.catch_warnings():
        # Copies of one picture can leave a cluster empty: others take its place below.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = KMeans(num, n_init=1, random_state=seed).fit(points)
    distances = np.linalg.norm(points - clusters.cluster_centers_[clusters.labels_], axis=1)
    nearest_first = np.argsort(distances, kind="stable")
    found, first = np.unique(clusters.labels_[nearest_first], return_index=True)
    sizes = np.bincount(clusters.labels_, minlength=num)
    chosen = nearest_first[first[np.argsort(-sizes[found], kind="stable")]]
    others = np.setdiff1d(np.arange(len(rows)), chosen)[: num - len(chosen)]
    spread: NDArray[Any] = rows[np.concatenate([chosen, others])]
    return spread


@dataclasses.dataclass(frozen=True)
class Suspects:
    """Labels to check again, the least probable first.

    Attributes:
        rows: Positions among the labeled images, int64 [n].
        proposals: The most probable class of each image, n.
        confidences: Probability of the present label of each image, float64 [n].
    """

    rows: NDArray[Any]
    proposals: tuple[str, ...]
    confidences: NDArray[Any]


def find_suspects(vectors: NDArray[Any], labels: NDArray[Any], num: int, seed: int) -> Suspects:
    """Find the labels that are most probably wrong.

    Labels are ranked by self-confidence: the probability of the given label by a classifier that was fitted
    without it (confident learning, Northcutt et al., arXiv:1911.00068). Only labels that are not the most
    probable class of their image are listed.

    Args:
        vectors: Embeddings of the labeled images, float32 [N, D].
        labels: The labels, [N].
        num: Maximum number of labels to find.
        seed: Seed of the division into folds.

    Returns:
        The suspicious labels. Classes with fewer than FOLDS images can't be judged and are left out.

    Raises:
        ValueError: If fewer than two classes have FOLDS images.
    """
    classes, positions, counts = np.unique(labels, return_inverse=True, return_counts=True)
    judged = np.flatnonzero(counts[positions] >= FOLDS)
    if (counts >= FOLDS).sum() < 2:
        raise InputError(
            f"Received {len(labels)} labels of {len(classes)} classes; expected two classes with "
            f"{FOLDS} labeled images at least: each label is judged by the others."
        )
    known, probabilities = held_out_probabilities(vectors[judged], labels[judged], FOLDS, seed)
    own = np.searchsorted(known, labels[judged])
    confidence = probabilities[np.arange(len(judged)), own]
    best = probabilities.argmax(axis=1)
    ranked = np.argsort(confidence, kind="stable")
    ranked = ranked[best[ranked] != own[ranked]][:num]
    return Suspects(judged[ranked], tuple(str(known[row]) for row in best[ranked]), confidence[ranked])


def fit_classifier(vectors: NDArray[Any], labels: NDArray[Any]) -> LogisticRegression:
    """Fit a linear classifier on embeddings.

    Args:
        vectors: Embeddings of length 1, float32 [N, D].
        labels: Class names, [N], with at least two classes.

    Returns:
        A classifier with `classes_`, sorted, and `predict_proba`.
    """
    return _classifier().fit(vectors, labels)


def held_out_probabilities(
    vectors: NDArray[Any], labels: NDArray[Any], folds: int, seed: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the probabilities of each image's classes by a classifier that was not fitted on the image.

    Args:
        vectors: Embeddings of length 1, float32 [N, D].
        labels: Class names, [N], each at least `folds` times.
        folds: Number of parts; a classifier for each part is fitted on the other parts.
        seed: Seed of the division into parts.

    Returns:
        The classes, sorted, [K], and the probabilities, float64 [N, K].
    """
    division = StratifiedKFold(folds, shuffle=True, random_state=seed)
    probabilities = cross_val_predict(_classifier(), vectors, labels, cv=division, method="predict_proba")
    return np.unique(labels), probabilities


def _classifier() -> LogisticRegression:
    return LogisticRegression(C=_INVERSE_REGULARIZATION, max_iter=_MAX_STEPS)

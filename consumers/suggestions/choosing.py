"""Choice of images to label next and of labels to check again, by a classifier on embeddings."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from tfx_contrastive.contract.errors import InputError

# Of 10 and 30 on Fashion-MNIST's `eval` the one was better with 600 labels, the other with 100.
_UNCERTAIN_PER_CHOICE = 20
_MAX_CLUSTERED = 20_000


@dataclasses.dataclass(frozen=True)
class Choice:
    """Images to label, the most useful first.

    Attributes:
        rows: Positions among the candidates, int64 [n].
        guesses: The class that is most probable for each, n; empty texts before there are labels.
        uncertainties: One minus the difference between the two most probable classes, float64 [n], in
            [0, 1]; NaN before there are labels.
    """

    rows: NDArray[Any]
    guesses: tuple[str, ...]
    uncertainties: NDArray[Any]


def choose(
    candidates: NDArray[Any], labelled: NDArray[Any], labels: NDArray[Any], num: int, seed: int
) -> Choice:
    """Choose images to label.

    With labels of two classes or more: of the images with the smallest margin between the two most probable
    classes, `num` that are nearest to the centers of `num` clusters (margin, then k-means: Zhdanov,
    arXiv:1901.05954). The margin alone takes many look-alikes, clusters alone many easy ones.

    Before that: the images nearest to the centers of `num` clusters of all, the typical ones.

    Args:
        candidates: Embeddings of the images without a label, float32 [M, D].
        labelled: Embeddings of the images with one, float32 [N, D].
        labels: Their classes, [N].
        num: How many to choose; no more than M are.
        seed: Of the clusters.

    Returns:
        The choice.
    """
    num = min(num, len(candidates))
    if len(np.unique(labels)) < 2:
        rows = _spread(candidates, np.arange(len(candidates)), num, seed)
        return Choice(rows, ("",) * num, np.full(num, np.nan))
    fitted = fit_classifier(labelled, labels)
    probabilities = fitted.predict_proba(candidates)
    runner_up, best = np.sort(probabilities, axis=1)[:, -2:].T
    uncertainty = 1 - (best - runner_up)
    ranked = np.argsort(-uncertainty, kind="stable")
    rows = _spread(candidates, ranked[: num * _UNCERTAIN_PER_CHOICE], num, seed)
    rows = rows[np.argsort(-uncertainty[rows], kind="stable")]
    guesses = fitted.classes_[probabilities[rows].argmax(axis=1)]
    return Choice(rows, tuple(str(guess) for guess in guesses), uncertainty[rows])


def _spread(vectors: NDArray[Any], rows: NDArray[Any], num: int, seed: int) -> NDArray[Any]:
    """Return `num` rows, each the nearest to the center of its cluster, large clusters first."""
    if len(rows) <= num:
        return rows
    if len(rows) > max(_MAX_CLUSTERED, num):
        some = np.random.default_rng(seed).choice(len(rows), max(_MAX_CLUSTERED, num), replace=False)
        rows = rows[np.sort(some)]
    points = vectors[rows]
    clusters = KMeans(num, n_init=1, random_state=seed).fit(points)
    distances = np.linalg.norm(points - clusters.cluster_centers_[clusters.labels_], axis=1)
    nearest_first = np.argsort(distances, kind="stable")
    found, first = np.unique(clusters.labels_[nearest_first], return_index=True)
    sizes = np.bincount(clusters.labels_, minlength=num)
    chosen = nearest_first[first[np.argsort(-sizes[found], kind="stable")]]
    # Copies of one picture can leave a cluster empty: others take its place.
    others = np.setdiff1d(np.arange(len(rows)), chosen)[: num - len(chosen)]
    spread: NDArray[Any] = rows[np.concatenate([chosen, others])]
    return spread


FOLDS = 5


@dataclasses.dataclass(frozen=True)
class Suspects:
    """Labels to check again, the least probable first.

    Attributes:
        rows: Positions among the labeled images, int64 [n].
        proposals: The most probable class of each, n.
        confidences: Probability of the label as it stands, float64 [n].
    """

    rows: NDArray[Any]
    proposals: tuple[str, ...]
    confidences: NDArray[Any]


def find_suspects(vectors: NDArray[Any], labels: NDArray[Any], num: int, seed: int) -> Suspects:
    """Find the labels that are most probably wrong.

    Ranked by self-confidence, the probability of the given label by a classifier that was fitted without it
    (confident learning: Northcutt et al., arXiv:1911.00068). Only labels that are not the most probable
    class of their image are listed.

    Args:
        vectors: Embeddings of the labeled images, float32 [N, D].
        labels: Their classes, [N].
        num: How many to find at most.
        seed: Of the division into folds.

    Returns:
        The suspects. Images of a class with fewer than FOLDS images can't be judged and are left out.

    Raises:
        ValueError: If fewer than two classes have FOLDS images.
    """
    classes, positions, counts = np.unique(labels, return_inverse=True, return_counts=True)
    judged = np.flatnonzero(counts[positions] >= FOLDS)
    if (counts >= FOLDS).sum() < 2:
        raise InputError(
            f"Received {len(labels)} labels of {len(classes)} classes; expected two classes with "
            f"{FOLDS} labelled images at least: each label is judged by the others."
        )
    known, probabilities = held_out_probabilities(vectors[judged], labels[judged], FOLDS, seed)
    own = np.searchsorted(known, labels[judged])
    confidence = probabilities[np.arange(len(judged)), own]
    best = probabilities.argmax(axis=1)
    ranked = np.argsort(confidence, kind="stable")
    ranked = ranked[best[ranked] != own[ranked]][:num]
    return Suspects(judged[ranked], tuple(str(known[row]) for row in best[ranked]), confidence[ranked])


# Weak regularisation: embeddings have length 1. Best of 1, 10, 100, 1000 on `eval` of Fashion-MNIST.
_INVERSE_REGULARISATION = 100.0
_MAX_STEPS = 500


def fit_classifier(vectors: NDArray[Any], labels: NDArray[Any]) -> LogisticRegression:
    """Fit a linear classifier on embeddings.

    Args:
        vectors: Embeddings of length 1, float32 [N, D].
        labels: Class names, [N], two different ones at least.

    Returns:
        A classifier with `classes_`, sorted, and `predict_proba`.
    """
    return _classifier().fit(vectors, labels)


def held_out_probabilities(
    vectors: NDArray[Any], labels: NDArray[Any], folds: int, seed: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return probabilities by classifiers that were not fitted on the image.

    Args:
        vectors: Embeddings of length 1, float32 [N, D].
        labels: Class names, [N], each `folds` times at least.
        folds: Number of probes; each is asked about one part and fitted on the others.
        seed: Of the division.

    Returns:
        The classes, [K], sorted, and probabilities, float64 [N, K].
    """
    division = StratifiedKFold(folds, shuffle=True, random_state=seed)
    probabilities = cross_val_predict(_classifier(), vectors, labels, cv=division, method="predict_proba")
    return np.unique(labels), probabilities


def _classifier() -> LogisticRegression:
    return LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=_MAX_STEPS)

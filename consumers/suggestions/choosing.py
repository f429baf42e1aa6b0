"""Chooses images to label: those that the known labels leave undecided, spread over embedding space."""

import dataclasses

import numpy as np
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

    rows: np.ndarray
    guesses: tuple[str, ...]
    uncertainties: np.ndarray


def choose(candidates: np.ndarray, labelled: np.ndarray, labels: np.ndarray, num: int, seed: int) -> Choice:
    """Chooses images to label.

    With labels of two classes or more: of the images with the smallest margin between the two most probable
    classes, `num` that are nearest to the centres of `num` clusters (margin, then k-means: Zhdanov,
    arXiv:1901.05954). The margin alone takes many look-alikes, clusters alone many easy ones.

    Before that: the images nearest to the centres of `num` clusters of all, the typical ones.

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


def _spread(vectors: np.ndarray, rows: np.ndarray, num: int, seed: int) -> np.ndarray:
    """`num` of the rows, each nearest to the centre of its cluster; large clusters first."""
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
    return rows[np.concatenate([chosen, others])]


FOLDS = 5


@dataclasses.dataclass(frozen=True)
class Suspects:
    """Labels to look at again, the least supported first.

    Attributes:
        rows: Positions among the labelled images, int64 [n].
        proposals: The most probable class of each, n.
        confidences: Probability of the label as it stands, float64 [n].
    """

    rows: np.ndarray
    proposals: tuple[str, ...]
    confidences: np.ndarray


def find_suspects(vectors: np.ndarray, labels: np.ndarray, num: int, seed: int) -> Suspects:
    """Finds the labels that are most probably wrong.

    Ranked by self-confidence, the probability of the given label by a classifier that was fitted without it
    (confident learning: Northcutt et al., arXiv:1911.00068). Only labels that are not the most probable
    class of their image are listed.

    Args:
        vectors: Embeddings of the labelled images, float32 [N, D].
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


def fit_classifier(vectors: np.ndarray, labels: np.ndarray) -> LogisticRegression:
    """Fits the probe.

    Args:
        vectors: Embeddings of length 1, float32 [N, D].
        labels: Class names, [N], two different ones at least.

    Returns:
        A classifier with `classes_`, sorted, and `predict_proba`.
    """
    return _classifier().fit(vectors, labels)


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
    probabilities = cross_val_predict(_classifier(), vectors, labels, cv=division, method="predict_proba")
    return np.unique(labels), probabilities


def _classifier() -> LogisticRegression:
    return LogisticRegression(C=_INVERSE_REGULARISATION, max_iter=_MAX_STEPS)

"""Chooses images to label: those that the known labels leave undecided, spread over embedding space."""

import dataclasses

import numpy as np
from sklearn.cluster import KMeans

from . import probe

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
    fitted = probe.fit(labelled, labels)
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

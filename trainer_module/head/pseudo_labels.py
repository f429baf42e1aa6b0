"""Pseudo-labels of the unlabeled images, from a teacher and from their nearest neighbors."""

import warnings
from typing import Any

import faiss
import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.semi_supervised import LabelSpreading

from tfx_contrastive.trainer_module.config import SelfTrainingConfig

# The affinity of neighbors is their cosine to this power (arXiv:1904.04717, section 4.1).
_POWER = 3
_MAX_ITERATIONS = 100
_TOLERANCE = 1e-4
_ALIGNMENT_ROUNDS = 20
_TINY = 1e-12
_LEAST_VARIANCE = 1e-7  # as a share of the variance of the first principal component


def neighbor_graph(vectors: NDArray[Any], num_neighbors: int) -> scipy.sparse.csr_matrix:
    """Return symmetric affinities between each image and its nearest neighbors.

    Args:
        vectors: float [N, D], N at least 2, compared by cosine.
        num_neighbors: Number of neighbors per image.

    Returns:
        float32 [N, N]: max(cosine, 0)^3 if either is a neighbor of the other, else 0. The diagonal is empty.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    unit = np.ascontiguousarray(unit, np.float32)
    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    num = len(unit)
    cosine, neighbors = index.search(unit, min(num_neighbors + 1, num))  # an image is its own neighbor
    rows = np.repeat(np.arange(num), neighbors.shape[1])
    affinity = np.maximum(cosine.ravel(), 0.0) ** _POWER
    others = rows != neighbors.ravel()
    graph = scipy.sparse.csr_matrix(
        (affinity[others], (rows[others], neighbors.ravel()[others])), shape=(num, num)
    )
    return graph.maximum(graph.T)


def spread_labels(
    graph: scipy.sparse.csr_matrix, labels: NDArray[Any], num_classes: int, alpha: float
) -> NDArray[Any]:
    """Return class probabilities of every image by label spreading (Zhou et al. 2004).

    Args:
        graph: Affinities, float [N, N].
        labels: int [N], -1 if unknown; every class occurs.
        num_classes: K.
        alpha: Share of an image's probabilities that comes from its neighbors, between 0 and 1, exclusive.

    Returns:
        float32 [N, K]. Images that no label reaches have uniform probabilities.
    """
    model = LabelSpreading(
        kernel=lambda *_: graph, alpha=alpha, max_iter=_MAX_ITERATIONS, tol=_TOLERANCE * len(labels)
    )
    with warnings.catch_warnings():
        # The order of the classes converges long before the probabilities of distant images.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(np.arange(len(labels))[:, np.newaxis], labels)  # row numbers: the graph is given
    spread = np.nan_to_num(model.label_distributions_).astype(np.float32)
    total = spread.sum(axis=1, keepdims=True)
    return np.where(total > 0, spread / np.maximum(total, 1e-12), 1.0 / num_classes).astype(np.float32)


def guess_classes(
    logits: NDArray[Any], h: NDArray[Any], labels: NDArray[Any], config: SelfTrainingConfig
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return pseudo-labels of every image, from a fixed teacher.

    Two distributions are multiplied: the classifier's, and that of label spreading over the graph of nearest
    neighbors, which uses the structure of the unlabeled images. With the student as teacher, accuracy on
    Fashion-MNIST was lower than without self-training (docs/experiments.md).

    Args:
        logits: The teacher's, float32 [N, K].
        h: The teacher's representations, float32 [N, D].
        labels: int [N], -1 if unknown; every class occurs.
        config: Temperature, neighbors, alignment and threshold.

    Returns:
        Probabilities, float32 [N, K], and the weight of each image, float32 [N], from 0 to 1.
    """
    num_classes = logits.shape[1]
    guesses = softmax(logits / config.temperature, axis=1)
    shares = np.bincount(labels[labels >= 0], minlength=num_classes) / np.sum(labels >= 0)
    if config.align_shares:
        guesses = align(guesses, shares)
    if config.num_neighbors:
        graph = neighbor_graph(_whitened(h, config.whitened_dims), config.num_neighbors)
        spread = spread_labels(graph, labels, num_classes, config.spreading)
        guesses = _normalized(guesses * (align(spread, shares) if config.align_shares else spread))
        if config.align_shares:
            guesses = align(guesses, shares)
    sure = guesses.max(axis=1) >= config.min_confidence
    return guesses.astype(np.float32), (sure * _certainty(guesses)).astype(np.float32)


def align(guesses: NDArray[Any], shares: NDArray[Any]) -> NDArray[Any]:
    """Make each class as frequent among the pseudo-labels as among the labels (distribution alignment).

    A teacher predicts some classes too often. As in ReMixMatch (arXiv:1911.09785, section 3.1), each class is
    multiplied by the ratio of its share of the labels to its share of the pseudo-labels. Since all
    pseudo-labels are known, this is repeated until both shares agree.

    Args:
        guesses: Probabilities, float [N, K].
        shares: Share of each class, float [K]; the sum is 1.

    Returns:
        Probabilities, float [N, K].
    """
    for _ in range(_ALIGNMENT_ROUNDS):
        guesses = _normalized(guesses * shares / (guesses.mean(axis=0) + _TINY))
    return guesses


def _whitened(h: NDArray[Any], dims: int) -> NDArray[Any]:
    """Return the first principal components of h, each of variance 1, float32 [N, at most dims].

    With `dims` 0 return standardized h. A few directions have most of the variance of h and would dominate
    the distances. Whitening gives the first components the same weight, as in retrieval (Jégou and Chum,
    Negative Evidences and Co-occurences in Image Retrieval, ECCV 2012); docs/experiments.md has measurements.
    """
    if not dims:
        standardized: NDArray[Any] = (h - h.mean(axis=0)) / (h.std(axis=0) + 1e-6)
        return standardized
    pca = PCA(min(dims, *h.shape), whiten=True, random_state=0)
    with np.errstate(invalid="ignore"):  # shares of the variance, not used here, are 0/0 if h does not vary
        components = pca.fit_transform(h)
    # Components with almost no variance are rounding errors, which whitening would amplify.
    varies = pca.explained_variance_ >= _LEAST_VARIANCE * pca.explained_variance_[0]
    kept: NDArray[Any] = components[:, varies].astype(np.float32)
    return kept


def _normalized(guesses: NDArray[Any]) -> NDArray[Any]:
    normalized: NDArray[Any] = guesses / (guesses.sum(axis=1, keepdims=True) + _TINY)
    return normalized


def _certainty(guesses: NDArray[Any]) -> NDArray[Any]:
    """Return 1 - entropy / maximal entropy (arXiv:1904.04717, eq. 11), float [N]."""
    entropy = -np.sum(guesses * np.log(guesses + _TINY), axis=1)
    certainty: NDArray[Any] = np.clip(1.0 - entropy / np.log(guesses.shape[1]), 0.0, 1.0)
    return certainty

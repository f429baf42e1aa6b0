"""Pseudo-labels of the unlabeled images, from a teacher and from their nearest neighbors."""

import warnings

import faiss
import numpy as np
import scipy.sparse
from scipy.special import softmax
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.semi_supervised import LabelSpreading

from tfx_contrastive.trainer_module.config import SelfTrainingConfig

# Affinity of neighbors is cosine to this power (arXiv:1904.04717, section 4.1).
_POWER = 3
_MAX_ITERATIONS = 100
_TOLERANCE = 1e-4


def neighbor_graph(vectors: np.ndarray, num_neighbors: int) -> scipy.sparse.csr_matrix:
    """Symmetric affinities between each image and its nearest neighbors.

    Args:
        vectors: float [N, D], N at least 2; compared by cosine.
        num_neighbors: How many each image is joined with; an image may be in the lists of more.

    Returns:
        float32 [N, N], the diagonal empty; max(cosine, 0)^3 where either is a neighbor of the other.
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
    graph: scipy.sparse.csr_matrix, labels: np.ndarray, num_classes: int, alpha: float
) -> np.ndarray:
    """Class probabilities of every image by label spreading (Zhou et al. 2004).

    Args:
        graph: Affinities, float [N, N].
        labels: int [N], -1 where unknown; every class occurs.
        num_classes: K.
        alpha: Share of an image's probabilities that comes from its neighbors, from 0 to 1, both excluded.

    Returns:
        float32 [N, K]. An image that no label reaches gets every class alike.
    """
    model = LabelSpreading(
        kernel=lambda *_: graph, alpha=alpha, max_iter=_MAX_ITERATIONS, tol=_TOLERANCE * len(labels)
    )
    with warnings.catch_warnings():
        # Far from the labels, probabilities still grow when their order has long settled.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(np.arange(len(labels))[:, np.newaxis], labels)  # images by their place: the graph is known
    spread = np.nan_to_num(model.label_distributions_).astype(np.float32)
    total = spread.sum(axis=1, keepdims=True)
    return np.where(total > 0, spread / np.maximum(total, 1e-12), 1.0 / num_classes).astype(np.float32)


_ALIGNMENT_ROUNDS = 20
_TINY = 1e-12
_LEAST_VARIANCE = 1e-7  # of the first component's


def guess_classes(
    logits: np.ndarray, h: np.ndarray, labels: np.ndarray, config: SelfTrainingConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Class probabilities of every image, from a teacher that stays as it is.

    Two opinions are multiplied: the classifier's, and that of label spreading over the graph of nearest
    neighbors, which sees how images that have no label lie among each other. Following the student instead
    of a fixed teacher made training on Fashion-MNIST worse than none (docs/experiments.md).

    Args:
        logits: The teacher's, float32 [N, K].
        h: The teacher's representations, float32 [N, D].
        labels: int [N], -1 where unknown; every class occurs.
        config: Temperature, neighbors, alignment and threshold.

    Returns:
        Probabilities, float32 [N, K], and how much each image counts, float32 [N], from 0 to 1.
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


def align(guesses: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Distribution alignment: makes each class as frequent among the guesses as among the labels.

    A teacher's errors are not spread evenly: it favors some classes. As in ReMixMatch (arXiv:1911.09785,
    section 3.1), each class is multiplied by its share of the labels over its share of the guesses; all
    guesses being known at once, this is repeated until both agree.

    Args:
        guesses: Probabilities, float [N, K].
        shares: Share of each class, float [K], adding up to 1.

    Returns:
        Probabilities, float [N, K].
    """
    for _ in range(_ALIGNMENT_ROUNDS):
        guesses = _normalized(guesses * shares / (guesses.mean(axis=0) + _TINY))
    return guesses


def _whitened(h: np.ndarray, dims: int) -> np.ndarray:
    """The first principal components of h, each of variance 1, float32 [N, at most dims]; 0: h standardized.

    A few directions of h hold most of its variance and would decide by themselves who is near whom. Whitening
    weights the first ones alike, as Jégou and Chum do for retrieval (Negative Evidences and Co-occurences in
    Image Retrieval, ECCV 2012); how much better neighbors become stands in docs/experiments.md.
    """
    if not dims:
        return (h - h.mean(axis=0)) / (h.std(axis=0) + 1e-6)
    pca = PCA(min(dims, *h.shape), whiten=True, random_state=0)
    components = pca.fit_transform(h)
    # What hardly varies is rounding, which whitening would make as large as the rest.
    varies = pca.explained_variance_ >= _LEAST_VARIANCE * pca.explained_variance_[0]
    return components[:, varies].astype(np.float32)


def _normalized(guesses: np.ndarray) -> np.ndarray:
    return guesses / (guesses.sum(axis=1, keepdims=True) + _TINY)


def _certainty(guesses: np.ndarray) -> np.ndarray:
    """1 less the entropy's share of its maximum (arXiv:1904.04717, eq. 11), float [N]."""
    entropy = -np.sum(guesses * np.log(guesses + _TINY), axis=1)
    return np.clip(1.0 - entropy / np.log(guesses.shape[1]), 0.0, 1.0)

"""Labels spread over the nearest-neighbour graph of embeddings (arXiv:1904.04717)."""

import warnings

import faiss
import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.semi_supervised import LabelSpreading

# Affinity of neighbours is cosine to this power (arXiv:1904.04717, section 4.1).
_POWER = 3
_MAX_ITERATIONS = 100
_TOLERANCE = 1e-4


def neighbor_graph(vectors: np.ndarray, num_neighbors: int) -> scipy.sparse.csr_matrix:
    """Symmetric affinities between each image and its nearest neighbours.

    Args:
        vectors: float [N, D], N at least 2; compared by cosine.
        num_neighbors: How many each image is joined with; an image may be in the lists of more.

    Returns:
        float32 [N, N], the diagonal empty; max(cosine, 0)^3 where either is a neighbour of the other.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    unit = np.ascontiguousarray(unit, np.float32)
    index = faiss.IndexFlatIP(unit.shape[1])
    index.add(unit)
    num = len(unit)
    cosine, neighbors = index.search(unit, min(num_neighbors + 1, num))  # an image is its own neighbour
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
        alpha: Share of an image's probabilities that comes from its neighbours, from 0 to 1, both excluded.

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

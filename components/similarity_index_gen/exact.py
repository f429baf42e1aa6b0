"""Exact search, and what any other index is measured against."""

import faiss
import numpy as np

_QUERIES_A_CALL = 256


def build_exact(vectors: np.ndarray) -> faiss.Index:
    """Inner product over all vectors: the cosine similarity, because they have length 1.

    Args:
        vectors: float32 [N, D].
    """
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def exact_neighbors(vectors: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows, without copying the vectors into an index.

    Args:
        vectors: float32 [N, D].
        queries: float32 [Q, D].
        k: At most N.

    Returns:
        Similarities float32 [Q, k], descending, and rows int64 [Q, k].
    """
    parts = [
        faiss.knn(queries[start : start + _QUERIES_A_CALL], vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
        for start in range(0, len(queries), _QUERIES_A_CALL)
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def recall_at_k(
    found: np.ndarray, expected_similarities: np.ndarray, found_similarities: np.ndarray
) -> float:
    """Share of the true k nearest neighbors that were found.

    Counts by similarity: a neighbor exactly as near as the k-th true one is as good (duplicates).

    Args:
        found: Rows found, int [Q, k]; -1 where there was none.
        expected_similarities: Of the true neighbors, float [Q, k], descending.
        found_similarities: Of the found ones, float [Q, k].

    Returns:
        Mean over the queries, in [0, 1].
    """
    furthest = expected_similarities[:, -1:] - 1e-6
    return float(np.mean((found >= 0) & (found_similarities >= furthest)))

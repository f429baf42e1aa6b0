"""How alike two sets of embeddings of the same images are."""

import faiss
import numpy as np


def neighbor_overlap(new: np.ndarray, former: np.ndarray, k: int) -> float:
    """Mean share of the k nearest neighbors that an image has in both spaces; itself doesn't count.

    Args:
        new: Embeddings of length 1, float32 [N, D].
        former: Of the same images in the same order, float32 [N, E]; E may differ from D.
        k: Below N.

    Returns:
        In [0, 1]; unrelated spaces give k / (N - 1) on average. Invariant to rotations of a space, so it
        must not be used to decide whether vectors of the two can be mixed.

    Raises:
        ValueError: If the numbers of rows differ or k is not below N.
    """
    _check(new, former, k)
    return _overlap(_neighbors(new, new, k), _neighbors(former, former, k))


def cross_overlap(new: np.ndarray, former: np.ndarray, k: int) -> float:
    """Mean share of an image's former neighbors that its new vector finds among the former vectors.

    Args:
        new: Embeddings of length 1, float32 [N, D].
        former: Of the same images in the same order, float32 [N, E].
        k: Below N.

    Returns:
        In [0, 1]; 0 where the widths differ, because such vectors can't be compared at all.

    Raises:
        ValueError: If the numbers of rows differ or k is not below N.
    """
    _check(new, former, k)
    if new.shape[1] != former.shape[1]:
        return 0.0
    return _overlap(_neighbors(new, former, k), _neighbors(former, former, k))


def linear_cka(new: np.ndarray, former: np.ndarray) -> float:
    """Linear centred kernel alignment (Kornblith et al., arXiv:1905.00414, eq. 3 with linear kernels).

        CKA(X, Y) = |Y'X|_F^2 / (|X'X|_F |Y'Y|_F), the columns of X and Y centred.

    Args:
        new: float [N, D].
        former: Of the same images in the same order, float [N, E].

    Returns:
        In [0, 1]; 1 for spaces that differ by rotation, shift and scale only. NaN for a constant space. It
        weighs directions by their variance: don't take a high value for equal neighbors.

    Raises:
        ValueError: If the numbers of rows differ.
    """
    _check(new, former, 0)
    x, y = (values.astype(np.float64) - values.mean(axis=0, dtype=np.float64) for values in (new, former))
    with np.errstate(invalid="ignore"):
        return float(
            np.sum(np.square(y.T @ x)) / np.float64(np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
        )


def _check(new: np.ndarray, former: np.ndarray, k: int) -> None:
    if len(new) != len(former) or len(new) <= k:
        raise ValueError(
            f"Received {len(new)} and {len(former)} embeddings; expected equal numbers above k={k}, "
            "one of each encoder for each image."
        )


def _neighbors(queries: np.ndarray, vectors: np.ndarray, k: int) -> np.ndarray:
    """Rows int64 [N, k] of the vectors nearest to each query, row i of query i left out."""
    queries, vectors = (np.ascontiguousarray(each, np.float32) for each in (queries, vectors))
    _, found = faiss.knn(queries, vectors, k + 1, metric=faiss.METRIC_INNER_PRODUCT)
    is_other = found != np.arange(len(queries))[:, None]
    # Duplicates may push an image out of its own k + 1 neighbors: then its last one is too many.
    is_other[is_other.all(axis=1), -1] = False
    return found[is_other].reshape(len(queries), k)


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    return float((first[:, :, None] == second[:, None, :]).any(axis=2).mean())

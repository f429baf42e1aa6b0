"""Exact and approximate faiss indexes; approximate ones are tuned to a recall.

IVF: k-means cells, of which the `nprobe` nearest are searched (Sivic & Zisserman, Video Google, ICCV 2003).
HNSW: a navigable graph with a candidate list of `ef_search` (Malkov & Yashunin, arXiv:1603.09320).
"""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.components.similarity_index_gen.config import IndexConfig

_HNSW_LINKS = 32
_HNSW_CONSTRUCTION = 80
_TRAINING_VECTORS_PER_CELL = 50
_KMEANS_ITERATIONS = 10
_QUERIES_PER_CALL = 256


@dataclasses.dataclass(frozen=True)
class Trial:
    """Result of tuning one kind of index.

    Attributes:
        kind: `ivf` or `hnsw`.
        parameter: The value of `nprobe` or `ef_search` at which tuning ended.
        recall: Recall against exact search at that value.
        scanned: Share of the vectors that a query looks at.
        passed: Whether recall and share are within the limits of the configuration.
        seconds: Time to build and tune the index, in seconds.
    """

    kind: str
    parameter: int
    recall: float
    scanned: float
    passed: bool
    seconds: float


def build_approximate(vectors: NDArray[Any], config: IndexConfig) -> tuple[faiss.Index | None, list[Trial]]:
    """Build the kinds in order until one reaches the required recall.

    Args:
        vectors: Vectors of length 1, float32 [N, D].
        config: The kinds to try, and the limits that an index must meet.

    Returns:
        The first index that passes (None if none does), and a record of each trial.
    """
    generator = np.random.default_rng(config.seed)
    chosen = generator.choice(len(vectors), min(config.num_queries, len(vectors)), replace=False)
    queries = vectors[np.sort(chosen)]
    k = min(config.recall_k, len(vectors))
    expected, _ = exact_neighbors(vectors, queries, k)
    trials: list[Trial] = []
    for kind in config.approximate:
        started = time.monotonic()
        index, parameter_values = _BUILDERS[kind](vectors, config.seed)
        trial = None
        for parameter, scanned in parameter_values:
            if scanned > config.max_scanned and trial is not None:
                break
            set_parameter(index, parameter)
            similarities, rows = index.search(queries, k)
            recall = recall_at_k(rows, expected, similarities)
            passed = recall >= config.min_recall and scanned <= config.max_scanned
            trial = Trial(kind, parameter, recall, scanned, passed, time.monotonic() - started)
            if passed:
                return index, [*trials, trial]
        if trial is not None:
            trials.append(trial)
    return None, trials


def set_parameter(index: faiss.Index, value: int) -> None:
    """Set the search width of a query: `nprobe` or `ef_search`."""
    if isinstance(index, faiss.IndexIVF):
        index.nprobe = value
    else:
        index.hnsw.efSearch = value


def _build_ivf(vectors: NDArray[Any], seed: int) -> tuple[faiss.Index, Iterator[tuple[int, float]]]:
    num_vectors, dim = vectors.shape
    # faiss's guidance: 4 sqrt(N) to 16 sqrt(N) cells, at least 39 training vectors per cell.
    cells = max(1, min(round(4 * math.sqrt(num_vectors)), num_vectors // 39))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter = _KMEANS_ITERATIONS
    index.cp.seed = seed + 1
    index.cp.spherical = True
    sample = np.random.default_rng(seed).choice(
        num_vectors, min(num_vectors, _TRAINING_VECTORS_PER_CELL * cells), replace=False
    )
    index.train(vectors[np.sort(sample)])
    index.add(vectors)
    return index, ((nprobe, nprobe / cells) for nprobe in _doubling(1, cells))


def _build_hnsw(vectors: NDArray[Any], seed: int) -> tuple[faiss.Index, Iterator[tuple[int, float]]]:
    del seed  # faiss draws the levels of the graph from a generator with a fixed seed
    index = faiss.IndexHNSWFlat(vectors.shape[1], _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = _HNSW_CONSTRUCTION
    index.add(vectors)
    # For each candidate, the similarities to all its links are computed.
    links = 2 * _HNSW_LINKS
    return index, ((ef, min(1.0, ef * links / len(vectors))) for ef in _doubling(16, len(vectors)))


def _doubling(first: int, limit: int) -> Iterator[int]:
    value = min(first, limit)
    while value < limit:
        yield value
        value *= 2
    yield limit


_BUILDERS: dict[str, Callable[[NDArray[Any], int], tuple[faiss.Index, Iterator[tuple[int, float]]]]] = {
    "ivf": _build_ivf,
    "hnsw": _build_hnsw,
}


def build_exact(vectors: NDArray[Any]) -> faiss.Index:
    """Build an exact index by inner product, which is the cosine similarity of vectors of length 1.

    Args:
        vectors: float32 [N, D].
    """
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def exact_neighbors(
    vectors: NDArray[Any], queries: NDArray[Any], k: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the k nearest vectors of each query; nothing is copied into an index.

    Args:
        vectors: Vectors of length 1, float32 [N, D].
        queries: Queries of length 1, float32 [Q, D].
        k: Number of neighbors, at most N.

    Returns:
        Similarities float32 [Q, k], descending, and row numbers of the vectors int64 [Q, k].
    """
    parts = [
        faiss.knn(queries[start : start + _QUERIES_PER_CALL], vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
        for start in range(0, len(queries), _QUERIES_PER_CALL)
    ]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def recall_at_k(
    found: NDArray[Any], expected_similarities: NDArray[Any], found_similarities: NDArray[Any]
) -> float:
    """Return the share of the true k nearest neighbors that were found.

    A neighbor counts as true if it is at least as similar as the k-th true one, because of duplicates.

    Args:
        found: Row numbers of the found neighbors, int [Q, k]; -1 where none was found.
        expected_similarities: Similarities of the true neighbors, float [Q, k], descending.
        found_similarities: Similarities of the found neighbors, float [Q, k].

    Returns:
        Mean over the queries, in [0, 1].
    """
    furthest = expected_similarities[:, -1:] - 1e-6
    return float(np.mean((found >= 0) & (found_similarities >= furthest)))

"""Similarity search compared with faiss itself, and an approximate index of a million vectors.

The million vectors are synthetic, as there is no data set of that size: 32 latent Gaussian factors
around 2,000 centers, mapped to 256 dimensions with a little noise, length 1. Their intrinsic dimension is
that of image embeddings rather than that of isotropic noise, on which no approximate index works.

    python -m benchmarks.search           # bars: at least 0.9x; recall@10 at least 0.95
"""

import functools
import resource
import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfx_contrastive.components.similarity_index_gen.config import IndexConfig
from tfx_contrastive.components.similarity_index_gen.faiss_indexes import exact_neighbors, recall_at_k
from tfx_contrastive.components.similarity_index_gen.index import SimilarityIndex

_DIM, _K = 256, 10
_REPEATS = 5


def main() -> None:
    """Print the rows of the table."""
    exact_rows(70_000)
    approximate_rows(1_000_000)


def exact_rows(num: int) -> None:
    """Print exact search: many queries at once, and one at a time."""
    vectors = synthetic(num, seed=0)
    index = SimilarityIndex.build(vectors, rows_of(num), "encoder", IndexConfig())
    plain = faiss.IndexFlatIP(_DIM)
    plain.add(vectors)
    for num_queries, calls in ((1_000, 1), (1, 200)):
        queries = vectors[:num_queries]
        ours = best_seconds(functools.partial(index.search, queries, "encoder", _K), calls)
        theirs = best_seconds(functools.partial(plain.search, queries, _K), calls)
        print(
            f"| exact, {num:,} x {_DIM}, {num_queries:,} queries at once | {ours * 1e3:.2f} ms, "
            f"faiss {theirs * 1e3:.2f} ms | {theirs / ours:.2f}x |"
        )


def approximate_rows(num: int) -> None:
    """Print build time, memory, recall on queries that are not indexed, and time per query."""
    vectors = synthetic(num + 1_000, seed=1)
    vectors, queries = vectors[:num], vectors[num:]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    index = SimilarityIndex.build(vectors, rows_of(num), "encoder", IndexConfig())
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    rows, similarities = index.search(queries, "encoder", _K)
    search_seconds = time.perf_counter() - started
    started = time.perf_counter()
    expected, _ = exact_neighbors(vectors, queries, _K)
    exact_seconds = time.perf_counter() - started
    known = index.description
    trial = known.trials[-1]
    size = known.num_bytes / 2**30
    print(
        f"| {known.kind}, {num:,} x {_DIM}: build and tune | {seconds:.0f} s, index {size:.2f} GiB, "
        f"peak memory +{(peak - before) / 2**20:.2f} GiB | parameter {trial['parameter']} |"
    )
    print(
        f"| the same: recall@{_K} on 1,000 new queries | {recall_at_k(rows, expected, similarities):.3f} | "
        f"{search_seconds:.2f} ms per query, {exact_seconds / search_seconds:.1f}x exact |"
    )


def synthetic(num: int, seed: int) -> npt.NDArray[Any]:
    """Return vectors with the intrinsic dimension of embeddings, float32 [N, 256] of length 1."""
    generator = np.random.default_rng(seed)
    centers = 2 * generator.normal(size=(2_000, 32)).astype(np.float32)
    spread = generator.normal(size=(32, _DIM)).astype(np.float32)
    vectors = np.empty((num, _DIM), np.float32)
    for start in range(0, num, 100_000):
        size = min(100_000, num - start)
        latent = centers[generator.integers(len(centers), size=size)]
        latent = latent + generator.normal(size=(size, 32)).astype(np.float32)
        block = latent @ spread + 0.5 * generator.normal(size=(size, _DIM)).astype(np.float32)
        vectors[start : start + size] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return vectors


def rows_of(num: int) -> pa.Table:
    """Return the columns that an index needs."""
    return pa.table({"image_id": pa.array(np.arange(num)), "label": pa.nulls(num, pa.string())})


def best_seconds(call: Callable[[], object], calls: int) -> float:
    """Return the seconds per call, the best of several rounds."""
    call()
    rounds = []
    for _ in range(_REPEATS):
        started = time.perf_counter()
        for _ in range(calls):
            call()
        rounds.append((time.perf_counter() - started) / calls)
    return min(rounds)


if __name__ == "__main__":
    main()

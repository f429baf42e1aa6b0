import dataclasses
import json
import pathlib
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pytest

from tfx_contrastive.components.embeddings import whitening
from tfx_contrastive.components.similarity_index_gen.config import IndexConfig
from tfx_contrastive.components.similarity_index_gen.faiss_indexes import (
    build_approximate,
    exact_neighbors,
    recall_at_k,
)
from tfx_contrastive.components.similarity_index_gen.index import SimilarityIndex, num_bytes
from tfx_contrastive.contract.errors import InputError

NUM, DIM = 3000, 24
LABELS = ["a", "b", None, "rare"]


def fit(batches: Any, ridge: float) -> whitening.Whitening:
    fitted = whitening.fit(batches, ridge)
    assert fitted is not None
    return fitted


def clustered(num: Any, dim: Any, seed: Any) -> Any:
    """Vectors around 40 centers, of length 1."""
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(40, dim))[generator.integers(40, size=num)]
    vectors = vectors + 0.4 * generator.normal(size=(num, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def rows_of(num: Any) -> Any:
    labels = [LABELS[row % 3] if row % 500 else "rare" for row in range(num)]
    return pa.table(
        {"image_id": [f"{row:064x}" for row in range(num)], "label": pa.array(labels, pa.string())}
    )


@pytest.fixture(scope="module")
def vectors() -> Any:
    return clustered(NUM, DIM, 0)


def test_a_whitened_index_finds_what_whitened_vectors_are_near(vectors: Any, tmp_path: pathlib.Path) -> None:
    whitened_by = fit([vectors[:1000], vectors[1000:]], ridge=0.1)
    built = SimilarityIndex.build(vectors, rows_of(NUM), "encoder", IndexConfig(), whitened_by)
    built.save(str(tmp_path / "index"))
    loaded = SimilarityIndex.load(str(tmp_path / "index"))
    assert loaded.description.whitening_fingerprint == whitened_by.fingerprint
    rows, _ = loaded.search(vectors[:50], "encoder", 10)
    by_hand = whitened_by.apply(vectors)
    np.testing.assert_array_equal(rows, brute_force(by_hand, by_hand[:50], 10))
    assert (rows != brute_force(vectors, vectors[:50], 10)).any()


def test_a_whitening_that_is_lost_or_another_is_told(vectors: Any, tmp_path: pathlib.Path) -> None:
    whitened_by = fit([vectors], ridge=0.1)
    SimilarityIndex.build(vectors, rows_of(NUM), "encoder", IndexConfig(), whitened_by).save(str(tmp_path))
    fit([vectors], ridge=0.2).save(str(tmp_path))
    with pytest.raises(ValueError, match="it is not the whitening of these vectors"):
        SimilarityIndex.load(str(tmp_path))
    (tmp_path / whitening.WHITENING_FILE).unlink()
    with pytest.raises(ValueError, match=r"whitening.npz is missing"):
        SimilarityIndex.load(str(tmp_path))


def test_an_index_of_a_former_version_is_read_as_not_whitened(
    built: Any, vectors: Any, tmp_path: pathlib.Path
) -> None:
    built.save(str(tmp_path))
    values = dataclasses.asdict(built.description) | {"format_version": 1}
    del values["whitening_fingerprint"]
    (tmp_path / "index.json").write_text(json.dumps(values))
    loaded = SimilarityIndex.load(str(tmp_path))
    assert not loaded.description.is_whitened
    np.testing.assert_array_equal(loaded.search(vectors[:5], "encoder")[0][:, 0], np.arange(5))


@pytest.fixture(scope="module", params=["exact", "ivf", "hnsw"])
def built(request: pytest.FixtureRequest, vectors: Any) -> Any:
    config = IndexConfig()
    if request.param != "exact":
        config = IndexConfig(exact_up_to=0, approximate=(request.param,), max_scanned=1.0)
    index = SimilarityIndex.build(vectors, rows_of(NUM), "encoder", config)
    assert index.description.kind == request.param
    return index


def brute_force(vectors: Any, queries: Any, k: Any, kept: Any = None) -> Any:
    similarities = queries @ vectors.T
    if kept is not None:
        similarities[:, ~kept] = -np.inf
    return np.argsort(-similarities, axis=1, kind="stable")[:, :k]


def test_neighbors_are_those_of_brute_force(built: Any, vectors: Any) -> None:
    rows, similarities = built.search(vectors[:200], "encoder", 10)
    expected = brute_force(vectors, vectors[:200], 10)
    overlap = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(rows, expected, strict=True)])
    assert overlap == 1.0 if built.description.kind == "exact" else overlap >= 0.95
    np.testing.assert_allclose(similarities[:, 0], 1.0, atol=1e-5)
    assert (np.diff(similarities, axis=1) <= 0).all()


def test_a_label_restricts_the_search_exactly(built: Any, vectors: Any) -> None:
    for label in ("a", "rare"):
        kept = np.array([each == label for each in built.rows["label"].to_pylist()])
        rows, _ = built.search(vectors[:50], "encoder", 5, label)
        np.testing.assert_array_equal(rows, brute_force(vectors, vectors[:50], 5, kept))


def test_no_more_than_there_are(built: Any, vectors: Any) -> None:
    assert built.search(vectors[:1], "encoder", 50, "rare")[0].shape == (1, 6)
    assert built.search(vectors[:1], "encoder", NUM + 5)[0].shape == (1, NUM)


@pytest.mark.parametrize("scheme", ["", "ram://index", "memory://index"])
def test_round_trip(built: Any, vectors: Any, tmp_path: pathlib.Path, scheme: str) -> None:
    uri = f"{scheme}/{tmp_path.name}" if scheme else str(tmp_path / "index")
    built.save(uri)
    loaded = SimilarityIndex.load(uri)
    assert loaded.description == built.description
    assert loaded.rows.equals(built.rows)
    for found, expected in zip(
        loaded.search(vectors[:20], "encoder"), built.search(vectors[:20], "encoder"), strict=True
    ):
        np.testing.assert_array_equal(found, expected)


def test_memory_is_that_of_the_serialized_index(built: Any) -> None:
    serialized = len(faiss.serialize_index(built._index))
    assert num_bytes(built._index) == pytest.approx(serialized, rel=0.05)


def test_another_encoders_query_is_refused(built: Any, vectors: Any) -> None:
    with pytest.raises(InputError, match="of the encoder other, the index holds those of encoder"):
        built.search(vectors[:1], "other")


@pytest.mark.parametrize(
    ("query", "k", "label", "message"),
    [
        (np.zeros([1, 3]), 1, None, r"shape \[1, 3\]; expected \[Q, 24\]"),
        (np.zeros([24]), 1, None, r"shape \[24\]; expected \[Q, 24\]"),
        (np.zeros([1, 24]), 0, None, "k=0; expected 1 or more"),
        (np.zeros([1, 24]), 1, "c", "label 'c'; no indexed image has it. Labels here: 'a', 'b', 'rare'"),
        (np.zeros([1, 24]), 1, "", "label ''; no indexed image has it"),
    ],
)
def test_a_wrong_query_is_told(built: Any, query: Any, k: int, label: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        built.search(query, "encoder", k, label)


def test_the_first_kind_that_passes_is_taken(vectors: Any) -> None:
    config = IndexConfig(exact_up_to=0, approximate=("hnsw", "ivf"), max_scanned=1.0)
    index, trials = build_approximate(vectors, config)
    assert isinstance(index, faiss.IndexHNSW)
    assert [trial.kind for trial in trials] == ["hnsw"]
    assert trials[0].recall >= 0.95


def test_exact_search_stands_in_where_no_kind_passes() -> None:
    # Without clusters in many dimensions, neighbors lie in all cells.
    vectors = clustered(2000, 200, 1)
    noise = np.random.default_rng(0).normal(size=vectors.shape).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    config = IndexConfig(exact_up_to=0, approximate=("ivf",), max_scanned=0.05)
    description = SimilarityIndex.build(noise, rows_of(2000), "encoder", config).description
    assert (description.kind, description.recall) == ("exact", 1.0)
    assert [trial["passed"] for trial in description.trials] == [False]
    assert description.trials[0]["recall"] < 0.95


def test_the_gate_asks_for_no_more_than_it_needs(vectors: Any) -> None:
    modest = IndexConfig(exact_up_to=0, approximate=("ivf",), min_recall=0.5)
    strict = IndexConfig(exact_up_to=0, approximate=("ivf",), min_recall=0.999, max_scanned=1.0)
    first, second = (build_approximate(vectors, config)[0] for config in (modest, strict))
    assert first is not None
    assert second is not None
    assert first.nprobe < second.nprobe


def test_recall_counts_duplicates_as_found() -> None:
    vectors = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    similarities, _ = exact_neighbors(vectors, vectors[:1], 2)
    assert recall_at_k(np.array([[2, 3]]), similarities, np.array([[1.0, 1.0]])) == 1.0
    assert recall_at_k(np.array([[2, -1]]), similarities, np.array([[1.0, -np.inf]])) == 0.5
    assert recall_at_k(np.array([[2, 4]]), similarities, np.array([[1.0, 0.0]])) == 0.5


def test_vectors_that_are_not_normalized_are_refused(vectors: Any) -> None:
    with pytest.raises(ValueError, match="of length 2 to 2; expected length 1"):
        SimilarityIndex.build(2 * vectors[:5], rows_of(5), "encoder", IndexConfig())


def test_a_row_for_each_vector(vectors: Any) -> None:
    with pytest.raises(ValueError, match="5 vectors for 4 rows"):
        SimilarityIndex.build(vectors[:5], rows_of(4), "encoder", IndexConfig())


def test_a_directory_without_an_index_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="holds no index.json"):
        SimilarityIndex.load(str(tmp_path))


def test_another_format_version_is_refused(built: Any, tmp_path: pathlib.Path) -> None:
    built.save(str(tmp_path))
    values = dataclasses.asdict(built.description) | {"format_version": 0}
    (tmp_path / "index.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match="format version 0; expected 1 or 2"):
        SimilarityIndex.load(str(tmp_path))

"""The record of the newest embeddings of each encoder, and the vectors that it leads to."""

import pathlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tfx_contrastive.components.embeddings import former, store
from tfx_contrastive.contract import files

ENCODER, OTHER = "1" * 64, "2" * 64


def ids_of(rows: range) -> list[str]:
    return [f"{row:064x}" for row in rows]


def write_embeddings(uri: str, rows: range, encoder: str = ENCODER) -> Any:
    """Write an artifact of two shards and return its vectors."""
    vectors = np.random.default_rng(rows.start).normal(size=(len(rows), 3)).astype(np.float32)
    half = len(rows) // 2
    for number, part in enumerate((slice(half), slice(half, None))):
        ids = ids_of(rows)[part]
        columns = [
            pa.array(ids),
            pa.array(ids),
            pa.array(["train"] * len(ids)),
            pa.array([None] * len(ids), pa.string()),
            pa.array([f"Split-train/{number}"] * len(ids)),
            pa.array(np.arange(len(ids))),
            store.vector_column(vectors[part]),
        ]
        shard = files.join(uri, f"{store.SHARDS_DIR}/train-{number}.parquet")
        store.write_shard([pa.Table.from_arrays(columns, schema=store.schema(3))], shard)
    meta = store.Meta(encoder, 3, {"train": len(rows)}, {"train": 0}, len(rows), 0, "examples", "model")
    store.write_meta(meta, uri)
    return vectors


@pytest.fixture(params=["", "ram://former", "memory://former"])
def root(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """An empty directory: local, of TensorFlow's file systems, of fsspec's."""
    return f"{request.param}/{tmp_path.name}" if request.param else str(tmp_path)


def test_the_newest_embeddings_of_an_encoder_are_found(root: str) -> None:
    cache, first, second, other = (files.join(root, name) for name in ("cache", "first", "second", "other"))
    for uri, encoder in ((first, ENCODER), (other, OTHER), (second, ENCODER)):
        assert former.find(cache, encoder) == ("" if uri != second else first)
        write_embeddings(uri, range(4), encoder)
        former.remember(cache, encoder, uri)
    assert (former.find(cache, ENCODER), former.find(cache, OTHER)) == (second, other)
    assert files.names(cache) == [f"{ENCODER}.json", f"{OTHER}.json"]  # nothing half written stays


def test_embeddings_that_are_gone_or_of_another_encoder_are_not_taken(tmp_path: pathlib.Path) -> None:
    cache, uri = str(tmp_path / "cache"), str(tmp_path / "embeddings")
    former.remember(cache, ENCODER, uri)
    assert former.find(cache, ENCODER) == ""  # meta.json is missing
    write_embeddings(uri, range(2), OTHER)
    assert former.find(cache, ENCODER) == ""
    assert former.find("", ENCODER) == ""  # no cache is configured


def test_a_write_that_fails_leaves_the_former_record(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, uri = str(tmp_path / "cache"), str(tmp_path / "embeddings")
    write_embeddings(uri, range(2))
    former.remember(cache, ENCODER, uri)

    def half(path: str, text: str) -> None:
        pathlib.Path(path).write_text(text[:5])
        raise OSError("No space left on device")

    monkeypatch.setattr(files, "write_text", half)
    with pytest.raises(OSError, match="No space left"):
        former.remember(cache, ENCODER, str(tmp_path / "new"))
    assert former.find(cache, ENCODER) == uri


def test_known_vectors_are_looked_up_in_any_order(root: str) -> None:
    uri = files.join(root, "embeddings")
    vectors = write_embeddings(uri, range(100, 110))
    known = former.FormerVectors(uri)
    assert len(known) == 10
    asked = [ids_of(range(row, row + 1))[0] for row in (109, 5, 100, 104, 200)]
    found = known.look_up(asked)
    assert sorted(found) == [0, 2, 3]  # images 5 and 200 are not known
    for position, row in ((0, 9), (2, 0), (3, 4)):
        np.testing.assert_array_equal(found[position], vectors[row])
    assert known.look_up([]) == former.FormerVectors("").look_up(asked) == {}

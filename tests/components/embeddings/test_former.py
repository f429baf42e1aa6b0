"""The record of the newest embeddings of each encoder, and the vectors that it leads to."""

import pathlib

import numpy as np
import pytest

from tests.components.embeddings_data import write_embeddings
from tfx_contrastive.components.embeddings import former
from tfx_contrastive.contract import files

ENCODER, OTHER = "1" * 64, "2" * 64


@pytest.fixture(params=["", "ram://former", "memory://former"])
def root(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """An empty directory: local, in a file system of TensorFlow, or in one of fsspec."""
    return f"{request.param}/{tmp_path.name}" if request.param else str(tmp_path)


def test_the_newest_embeddings_of_an_encoder_are_found(root: str) -> None:
    cache, first, second, other = (files.join(root, name) for name in ("cache", "first", "second", "other"))
    for uri, encoder in ((first, ENCODER), (other, OTHER), (second, ENCODER)):
        assert former.find(cache, encoder) == ("" if uri != second else first)
        write_embeddings(uri, {"train": 4}, encoder)
        former.remember(cache, encoder, uri)
    assert (former.find(cache, ENCODER), former.find(cache, OTHER)) == (second, other)
    assert files.names(cache) == [f"{ENCODER}.json", f"{OTHER}.json"]  # nothing half written stays


def test_embeddings_that_are_gone_or_of_another_encoder_are_not_taken(tmp_path: pathlib.Path) -> None:
    cache, uri = str(tmp_path / "cache"), str(tmp_path / "embeddings")
    former.remember(cache, ENCODER, uri)
    assert former.find(cache, ENCODER) == ""  # meta.json is missing
    write_embeddings(uri, {"train": 2}, OTHER)
    assert former.find(cache, ENCODER) == ""
    assert former.find("", ENCODER) == ""  # no cache is configured


def test_a_write_that_fails_leaves_the_former_record(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, uri = str(tmp_path / "cache"), str(tmp_path / "embeddings")
    write_embeddings(uri, {"train": 2}, ENCODER)
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
    vectors, ids = write_embeddings(uri, {"train": 6, "eval": 4})  # two shards
    known = former.FormerVectors(uri)
    assert len(known) == 10
    asked = [ids[9], "0" * 64, ids[0], ids[4], "f" * 64]
    found = known.look_up(asked)
    assert sorted(found) == [0, 2, 3]  # the others are not known
    for position, row in ((0, 9), (2, 0), (3, 4)):
        np.testing.assert_array_equal(found[position], vectors[row])
    assert known.look_up([]) == former.FormerVectors("").look_up(asked) == {}

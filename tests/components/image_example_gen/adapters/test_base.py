"""Functions that adapters share: counts, chunks, rejections, hints about paths."""

import pathlib

import pytest

from tfx_contrastive.components.image_example_gen.adapters import base
from tfx_contrastive.components.image_example_gen.records import Entry
from tfx_contrastive.contract.errors import DataError, Reason


def test_labels_are_counted_by_split() -> None:
    pairs = [("train", "cat"), ("train", "cat"), ("train", None), ("", "dog"), ("", None), ("", None)]
    assert base.count_labels(pairs) == ({"train": {"cat": 2}, "": {"dog": 1}}, {"train": 1, "": 2})
    assert base.count_labels([]) == ({}, {})


def test_chunks_are_bounded_by_number_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_MAX_CHUNK_BYTES", 100)
    sizes = [10, 10, 10, 10, 95, 10, -1]
    entries = [Entry(str(i), None, "", str(i), size) for i, size in enumerate(sizes)]
    chunks = base.file_chunks(entries, 3)
    assert [[entry.source for entry in chunk.entries] for chunk in chunks] == [
        ["0", "1", "2"],
        ["3", "4"],
        ["5", "6"],
    ]
    assert base.file_chunks([], 3) == []


def test_an_entry_is_read_or_rejected(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    path = str(tmp_path / "a")
    read = base.read_entry(Entry("a", "cat", "eval", path, 3, group="g"), 3)
    assert (read.data, read.rejected, read.label, read.split, read.group) == (
        b"123",
        None,
        "cat",
        "eval",
        "g",
    )
    large = base.read_entry(Entry("a", None, "", path, 3), 2)
    assert (large.data, large.rejected) == (b"", (Reason.OVER_BYTE_LIMIT, "3 bytes; max_file_bytes allows 2"))
    missing = base.read_entry(Entry("a", None, "", f"{path}/b", 3), 3)
    assert missing.rejected == (Reason.UNREADABLE, "Not a directory")
    ruled_out = (Reason.OUTSIDE_ROOT, "a link")
    assert base.read_entry(Entry("a", None, "", path, 3, ruled_out), 3).rejected == ruled_out


def test_unusable_entries_are_told_with_the_first_reason() -> None:
    bad = Entry("a.png", None, "", "/data/a.png", rejected=(Reason.UNREADABLE, "no permission"))
    assert base.unusable([]) == ""
    assert base.unusable([bad, bad]) == "2 can't be read, the first of them /data/a.png: no permission"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "does not exist; expected a file.* It is empty"),
        (" a.zip", "It begins or ends with a blank"),
        ("$HOME/a.zip", "Variables are not filled in"),
        ("C:\\data\\a.zip", "It is a path of Windows"),
        ("*.zip", "Patterns are not filled in"),
    ],
)
def test_odd_paths_are_explained(name: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        base.require_file(name, "the archive")


def test_a_path_with_a_typing_error_names_the_near_one(tmp_path: pathlib.Path) -> None:
    (tmp_path / "shoes.zip").touch()
    with pytest.raises(DataError, match=r"Did you mean shoes\.zip\?"):
        base.require_file(str(tmp_path / "shoe.zip"), "the archive")
    with pytest.raises(DataError, match="is a file; expected a directory.*kind: archive"):
        base.require_directory(str(tmp_path / "shoes.zip"), "the image folder")
    with pytest.raises(DataError, match="is a directory; expected a file.*kind: image_folder"):
        base.require_file(str(tmp_path), "the archive")
    assert base.require_file(str(tmp_path / "shoes.zip"), "the archive").relative == "shoes.zip"
    base.require_directory(str(tmp_path), "the image folder")

"""The files of a source: order, links, hidden ones; chunks, rejections, hints about paths."""

import os
import pathlib

import fsspec
import pytest

from tfx_contrastive.components.image_example_gen.adapters import source_files
from tfx_contrastive.components.image_example_gen.records import Entry, count_labels
from tfx_contrastive.contract.errors import DataError, Reason


def put(root: pathlib.Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def found(root: pathlib.Path, **options: bool) -> list[tuple[str, str]]:
    return [(info.relative, info.problem) for info in source_files.walk(str(root), **options)]


def test_files_come_sorted_by_path_with_size_and_version(tmp_path: pathlib.Path) -> None:
    put(tmp_path, "b.png", "a/2.png", "a/1.png", "A.png")
    infos = list(source_files.walk(str(tmp_path)))
    assert [info.relative for info in infos] == ["A.png", "a/1.png", "a/2.png", "b.png"]
    assert [info.size for info in infos] == [5, 7, 7, 5]
    assert all(info.version and info.real == os.path.realpath(info.path) for info in infos)


def test_hidden_files_and_empty_directories_on_request(tmp_path: pathlib.Path) -> None:
    put(tmp_path, "a.png", ".hidden.png", "__MACOSX/a.png", "sub/Thumbs.db")
    (tmp_path / "empty").mkdir()
    assert found(tmp_path) == [("a.png", "")]
    assert found(tmp_path, with_hidden=True) == [
        (".hidden.png", ""),
        ("__MACOSX", ""),  # a hidden directory is one entry
        ("a.png", ""),
        ("empty", "empty_directory"),
        ("sub/Thumbs.db", ""),
    ]


def test_links_inside_the_root_are_followed(tmp_path: pathlib.Path) -> None:
    put(tmp_path, "a/1.png")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c.png").symlink_to(tmp_path / "a/1.png")
    infos = {info.relative: info for info in source_files.walk(str(tmp_path))}
    assert sorted(infos) == ["a/1.png", "b/1.png", "c.png"]
    assert {info.real for info in infos.values()} == {os.path.realpath(tmp_path / "a/1.png")}
    assert [name for name, info in infos.items() if info.is_link] == ["c.png"]


def test_links_out_of_the_root_are_listed_with_their_problem(tmp_path: pathlib.Path) -> None:
    put(tmp_path, "data/a.png", "other/b.png")
    (tmp_path / "data/file.png").symlink_to(tmp_path / "other/b.png")
    (tmp_path / "data/folder").symlink_to(tmp_path / "other")
    assert found(tmp_path / "data") == [
        ("a.png", ""),
        ("file.png", "outside"),
        ("folder", "outside_directory"),
    ]
    assert found(tmp_path / "data", follow_links=True) == [
        ("a.png", ""),
        ("file.png", ""),
        ("folder/b.png", ""),
    ]


def test_links_back_and_to_nothing_come_to_an_end(tmp_path: pathlib.Path) -> None:
    put(tmp_path, "a/1.png")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "self.png").symlink_to(tmp_path / "self.png")
    (tmp_path / "nothing.png").symlink_to(tmp_path / "missing.png")
    assert found(tmp_path) == [
        ("a/1.png", ""),
        ("a/up", "loop"),
        ("nothing.png", "broken"),
        ("self.png", "broken"),
    ]


def test_links_to_each_other_come_to_an_end(tmp_path: pathlib.Path) -> None:
    put(tmp_path, "x/1.png", "y/2.png")
    (tmp_path / "x/to_y").symlink_to(tmp_path / "y")
    (tmp_path / "y/to_x").symlink_to(tmp_path / "x")
    names = [relative for relative, problem in found(tmp_path) if not problem]
    assert {"x/1.png", "x/to_y/2.png", "y/2.png", "y/to_x/1.png"} <= set(names)
    assert len(names) < 10


def test_a_named_pipe_is_special(tmp_path: pathlib.Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert found(tmp_path) == [("pipe.png", "special")]


def test_a_directory_without_permission_is_told(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a/1.png", "b/2.png")
    scandir = os.scandir

    def refuse(directory: str) -> object:
        if str(directory).endswith("/a"):
            raise PermissionError(13, "Permission denied")
        return scandir(directory)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found(tmp_path) == [("a", "unreadable"), ("b/2.png", "")]


def test_names_that_are_not_utf_8_are_read_as_latin_1(tmp_path: pathlib.Path) -> None:
    with open(os.fsencode(tmp_path) + b"/gr\xfcn.png", "wb"):
        pass
    (info,) = source_files.walk(str(tmp_path))
    assert info.relative == "grün.png"
    assert os.path.exists(info.path)
    assert [source_files.readable(name) for name in ("a", "grün", os.fsdecode(b"gr\xfcn"))] == [
        "a",
        "grün",
        "grün",
    ]


def test_a_remote_directory_is_listed_the_same_way(tmp_path: pathlib.Path) -> None:
    root = f"memory://{tmp_path.name}-walk"
    fsspec.filesystem("memory").pipe(
        {f"{root}/b.png": b"12", f"{root}/a/1.png": b"3", f"{root}/.x/2.png": b""}
    )
    assert [(info.relative, info.size) for info in source_files.walk(root)] == [("a/1.png", 1), ("b.png", 2)]
    assert [info.relative for info in source_files.walk(root, with_hidden=True)] == [
        ".x/2.png",
        "a/1.png",
        "b.png",
    ]


@pytest.mark.parametrize(
    ("path", "root", "inside"),
    [
        ("/a/b", "/a", True),
        ("/a", "/a", True),
        ("/ab", "/a", False),
        ("/a/b", "/", True),
        ("/b", "/a", False),
    ],
)
def test_paths_inside_a_root(path: str, root: str, inside: bool) -> None:
    assert source_files.is_inside(path, root) is inside


def test_labels_are_counted_by_split() -> None:
    pairs = [("train", "cat"), ("train", "cat"), ("train", None), ("", "dog"), ("", None), ("", None)]
    assert count_labels(pairs) == ({"train": {"cat": 2}, "": {"dog": 1}}, {"train": 1, "": 2})
    assert count_labels([]) == ({}, {})


def test_chunks_are_bounded_by_number_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "_MAX_CHUNK_BYTES", 100)
    sizes = [10, 10, 10, 10, 95, 10, -1]
    entries = [Entry(str(i), None, "", str(i), size) for i, size in enumerate(sizes)]
    chunks = source_files.file_chunks(entries, 3)
    assert [[entry.source for entry in chunk.entries] for chunk in chunks] == [
        ["0", "1", "2"],
        ["3", "4"],
        ["5", "6"],
    ]
    assert source_files.file_chunks([], 3) == []


def test_an_entry_is_read_or_rejected(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    path = str(tmp_path / "a")
    read = source_files.read_entry(Entry("a", "cat", "eval", path, 3, group="g"), 3)
    assert (read.data, read.rejected, read.label, read.split, read.group) == (
        b"123",
        None,
        "cat",
        "eval",
        "g",
    )
    large = source_files.read_entry(Entry("a", None, "", path, 3), 2)
    assert (large.data, large.rejected) == (b"", (Reason.OVER_BYTE_LIMIT, "3 bytes; max_file_bytes allows 2"))
    missing = source_files.read_entry(Entry("a", None, "", f"{path}/b", 3), 3)
    assert missing.rejected == (Reason.UNREADABLE, "Not a directory")
    ruled_out = (Reason.OUTSIDE_ROOT, "a link")
    assert source_files.read_entry(Entry("a", None, "", path, 3, ruled_out), 3).rejected == ruled_out


def test_unusable_entries_are_told_with_the_first_reason() -> None:
    bad = Entry("a.png", None, "", "/data/a.png", rejected=(Reason.UNREADABLE, "no permission"))
    assert source_files.unusable([]) == ""
    assert (
        source_files.unusable([bad, bad]) == "2 can't be read, the first of them /data/a.png: no permission"
    )


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
        source_files.require_file(name, "the archive")


def test_a_path_with_a_typing_error_names_the_near_one(tmp_path: pathlib.Path) -> None:
    (tmp_path / "shoes.zip").touch()
    with pytest.raises(DataError, match=r"Did you mean shoes\.zip\?"):
        source_files.require_file(str(tmp_path / "shoe.zip"), "the archive")
    with pytest.raises(DataError, match="is a file; expected a directory.*kind: archive"):
        source_files.require_directory(str(tmp_path / "shoes.zip"), "the image folder")
    with pytest.raises(DataError, match="is a directory; expected a file.*kind: image_folder"):
        source_files.require_file(str(tmp_path), "the archive")
    assert source_files.require_file(str(tmp_path / "shoes.zip"), "the archive").relative == "shoes.zip"
    source_files.require_directory(str(tmp_path), "the image folder")

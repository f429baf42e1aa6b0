"""One door to files: every backend gives the same answers."""

import os
import pathlib

import fsspec
import pytest

from tfx_contrastive.contract import file_info, files
from tfx_contrastive.contract.errors import DataError


@pytest.fixture(params=["local", "file://", "memory://"])
def root(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """An empty directory: as a local path, as a file URL, and behind fsspec."""
    if request.param == "local":
        return str(tmp_path)
    if request.param == "file://":
        return f"file://{tmp_path}"
    return f"memory://{tmp_path.name}"


def test_a_file_round_trip(root: str) -> None:
    path = files.join(root, "a/b.txt")
    assert not files.exists(path)
    files.write_text(path, "Größe\n")
    assert files.read_text(path) == "Größe\n"
    assert files.read_bytes(path) == "Größe\n".encode()
    files.write_bytes(path, b"new")
    with files.open_binary(path) as file:
        file.seek(-2, 2)
        assert file.read() == b"ew"
    info = file_info.stat(path)
    assert info is not None
    assert (info.relative, info.size) == ("b.txt", 3)
    assert files.is_directory(files.join(root, "a"))
    assert file_info.stat(files.join(root, "a")) is None


def test_directories_are_made_renamed_listed_and_removed(root: str) -> None:
    files.make_directory(files.join(root, "x/y"))
    files.make_directory(files.join(root, "x/y"))  # again: no error
    for name in ("2.bin", "1.bin", "1.txt"):
        files.write_bytes(files.join(root, f"x/y/{name}"), name.encode())
    assert [path.rpartition("/")[2] for path in files.glob(files.join(root, "x/y/*.bin"))] == [
        "1.bin",
        "2.bin",
    ]
    files.rename(files.join(root, "x/y"), files.join(root, "x/z"))
    assert not files.exists(files.join(root, "x/y/1.bin"))
    files.copy(files.join(root, "x/z/1.bin"), files.join(root, "copied/1.bin"))
    assert files.read_bytes(files.join(root, "copied/1.bin")) == b"1.bin"
    files.remove_tree(files.join(root, "x"))
    assert not files.exists(files.join(root, "x/z/1.bin"))


def test_a_rename_and_a_copy_replace_an_existing_file(tmp_path: pathlib.Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    files.rename(str(tmp_path / "a"), str(tmp_path / "b"))
    files.copy(str(tmp_path / "c"), str(tmp_path / "b"))
    assert sorted(os.listdir(tmp_path)) == ["b", "c"]
    assert (tmp_path / "b").read_text() == "c"


def test_the_scheme_tells_the_library() -> None:
    assert [files.scheme_of(path) for path in ("/a/b", "file:///a", "GS://a", "s3://a/b", "a:b")] == [
        *("", "", "gs", "s3", "")
    ]


def test_a_remote_directory_is_listed_with_checksums(tmp_path: pathlib.Path) -> None:
    root = f"memory://{tmp_path.name}-listed"
    fsspec.filesystem("memory").pipe({f"{root}/a/1.png": b"12", f"{root}/2.png": b"345"})
    found = sorted(file_info.list_remote(root), key=lambda info: info.relative)
    assert [(info.relative, info.size) for info in found] == [("2.png", 3), ("a/1.png", 2)]
    assert [files.read_bytes(info.path) for info in found] == [b"345", b"12"]


def test_a_home_directory_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="Received ~nobody-of-this-name/x, but there is no"):
        files.local("~nobody-of-this-name/x")


def test_an_unknown_scheme_and_a_missing_file_are_os_errors(tmp_path: pathlib.Path) -> None:
    with pytest.raises(OSError, match="no file system for it is installed"):
        files.open_binary("nosuchscheme://a/b")
    with pytest.raises(OSError, match="No such file"):
        files.read_bytes(str(tmp_path / "missing"))


def test_a_file_of_tensorflow_s_is_found_and_seeks_from_its_end(tmp_path: pathlib.Path) -> None:
    path = "ram://seek/a.bin"  # a file system in memory, of the schemes that TensorFlow reads
    files.write_bytes(path, b"0123456789")
    with files.open_binary(path) as file:
        assert file.seek(-3, 2) == 7
        assert file.read(2) == b"78"
        assert file.tell() == 9
        assert file.read() == b"9"
    assert [info.relative for info in file_info.list_remote("ram://seek")] == ["a.bin"]
    with pytest.raises(OSError, match="missing"):
        files.open_binary("ram://seek/missing")


@pytest.mark.parametrize("scheme", ["", "ram://files_tree", "memory://files_tree"])
def test_names_and_files_of_a_directory(tmp_path: pathlib.Path, scheme: str) -> None:
    root = scheme or str(tmp_path / "files_tree")
    for name in ("b/2.bin", "b/c/3.bin", "1.bin"):
        files.write_bytes(files.join(root, name), b"x")
    assert files.names(root) == ["1.bin", "b"] == files.names(f"{root}/")
    assert files.find(root) == ["1.bin", "b/2.bin", "b/c/3.bin"] == files.find(f"{root}/")
    assert files.is_file(files.join(root, "1.bin"))
    assert not files.is_file(files.join(root, "b"))
    files.remove(files.join(root, "b/2.bin"))
    assert files.find(files.join(root, "b")) == ["c/3.bin"]
    assert files.find(files.join(root, "nowhere")) == []
    with pytest.raises(OSError, match="nowhere"):
        files.names(files.join(root, "nowhere"))

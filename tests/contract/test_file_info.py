"""Facts about files: schemes, versions, checksums; and what moves between file systems."""

import os
import pathlib
from typing import Any

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_contrastive.contract import file_info, files
from tfx_contrastive.contract.file_info import FileInfo

NAMES = st.text("abcXYZ01._- ", min_size=1, max_size=8).filter(lambda name: not name.startswith("~"))


@settings(deadline=None)  # a busy machine
@given(NAMES, st.sampled_from(["gs", "S3", "Https", "memory"]))
def test_a_scheme_is_found_in_any_case_and_only_before_slashes(name: str, scheme: str) -> None:
    assert files.scheme_of(f"{scheme}://{name}") == scheme.lower()
    assert files.scheme_of(f"{scheme}:/{name}") == files.scheme_of(f"file://{name}") == ""
    assert files.scheme_of(f"FILE://{name}") == ""


@settings(deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_joined_path_keeps_the_address_of_its_root(parts: list[str]) -> None:
    relative = "/".join(parts)
    assert (
        files.join("s3://bucket/", relative)
        == files.join("s3://bucket", relative)
        == f"s3://bucket/{relative}"
    )
    assert files.join("file:///root", relative) == files.join("/root", relative) == f"/root/{relative}"


def test_the_home_directory_is_expanded(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    files.write_text("~/notes/a.txt", "x")
    assert (
        (tmp_path / "notes" / "a.txt").read_text() == files.read_text(f"file://{tmp_path}/notes/a.txt") == "x"
    )
    assert files.local("~") == str(tmp_path)


def test_a_file_whose_name_begins_with_a_tilde_is_found(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~nobody-of-this-name").write_text("here")
    assert files.read_text("~nobody-of-this-name") == "here"


@pytest.mark.parametrize(
    ("tags", "checksum"),
    [
        ({}, ""),
        ({"ETag": '"abc"'}, '"abc"'),
        ({"etag": 'W/"abc"'}, ""),
        ({"md5Hash": "m", "etag": "e", "generation": 5}, "m"),
        ({"etag": 'W/"abc"', "generation": 5}, "5"),
        ({"md5Hash": None, "ETag": ""}, ""),
    ],
    ids=["none", "strong", "weak", "the first", "the first that is not weak", "empty"],
)
def test_the_checksum_of_an_object_store_is_its_first_strong_tag(tags: dict[str, Any], checksum: str) -> None:
    info = file_info.fsspec_info("s3://b/a/x.png", "a/x.png", {**tags, "size": 7})
    assert info == FileInfo("s3://b/a/x.png", "a/x.png", 7, checksum, checksum=checksum)
    assert file_info.fsspec_info("s3://b/x", "x", {**tags, "size": None}).size == 0


def test_the_version_of_a_local_file_changes_though_its_time_is_set_back(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    before = file_info.stat(str(path))
    assert before == file_info.stat(str(path))
    times = path.stat()
    (tmp_path / "b").write_text("new")
    os.replace(tmp_path / "b", path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    after = file_info.stat(str(path))
    assert before is not None
    assert after is not None
    assert path.stat().st_mtime_ns == times.st_mtime_ns
    assert (after.size, after.path) == (before.size, before.path)
    assert after.version != before.version


@pytest.mark.parametrize("name", ["missing", "folder", "nul\0byte", "dangling"])
def test_what_is_no_file_has_no_facts(tmp_path: pathlib.Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert file_info.stat(str(tmp_path / name)) is None


def test_a_file_is_copied_and_shortened_between_file_systems(tmp_path: pathlib.Path) -> None:
    remote = f"memory://{tmp_path.name}-copied/deep/a.bin"
    files.write_bytes(str(tmp_path / "a"), b"0123456789")
    files.copy(str(tmp_path / "a"), remote)
    assert files.read_bytes(remote) == b"0123456789"
    files.write_bytes(remote, b"01")
    files.copy(remote, str(tmp_path / "new" / "b"))
    files.copy(remote, str(tmp_path / "a"))
    assert (tmp_path / "new" / "b").read_bytes() == (tmp_path / "a").read_bytes() == b"01"


def test_a_pattern_matches_one_level_in_order(tmp_path: pathlib.Path) -> None:
    remote = f"memory://{tmp_path.name}-matched"
    names = ("b1", "a1", "a22", "deep/a3")
    fsspec.filesystem("memory").pipe({f"{remote}/{name}": b"" for name in names})
    for name in names:
        files.write_bytes(files.join(str(tmp_path), name), b"")
    for root in (remote, str(tmp_path)):
        for pattern, expected in (("a?", ["a1"]), ("a*", ["a1", "a22"]), ("*1", ["a1", "b1"]), ("c*", [])):
            found = files.glob(files.join(root, pattern))
            assert [path.rpartition("/")[2] for path in found] == expected
    assert all(file_info.stat(path) is not None for path in files.glob(f"{remote}/*1"))


def test_a_listing_does_not_depend_on_a_slash_at_the_end(tmp_path: pathlib.Path) -> None:
    root = f"memory://{tmp_path.name}-slash"
    fsspec.filesystem("memory").pipe({f"{root}/a/1": b"1", f"{root}/2": b""})
    assert {info.relative for info in file_info.list_remote(root)} == {"a/1", "2"}
    assert list(file_info.list_remote(root)) == list(file_info.list_remote(f"{root}/"))


def test_an_empty_path_of_a_directory_is_the_working_directory(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files.write_bytes("here", b"1")
    files.make_directory("")
    assert os.listdir(tmp_path) == ["here"]

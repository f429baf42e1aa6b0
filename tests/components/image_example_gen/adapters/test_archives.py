"""Zip and tar files: what they list, paths that lead out, damage."""

import gzip
import io
import pathlib
import tarfile
import zipfile
from typing import Any

import pytest

from tests.components.image_example_gen.support import (
    encoded,
    images_of,
    inspect,
    picture,
)
from tfx_contrastive.components.image_example_gen import DataError
from tfx_contrastive.contract.errors import Reason

MEMBERS = {"cat/0.png": 1, "cat/1.png": 2, "dog/ü.png": 3, "dog/1.png": 5, "unlabeled/0.png": 4}


def make_zip(path: Any, prefix: Any = "") -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, seed in MEMBERS.items():
            archive.writestr(prefix + name, encoded(picture(seed)))
        archive.writestr("__MACOSX/cat/._0.png", b"x")


def make_tar(path: Any, mode: Any, prefix: Any = "") -> None:
    with tarfile.open(path, mode) as archive:
        for name, seed in MEMBERS.items():
            add_to_tar(archive, prefix + name, encoded(picture(seed)))


def add_to_tar(archive: Any, name: str, data: Any = b"", **fields: Any) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    archive.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize("prefix", ["", "my-data/", "./"])
@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_archives_hold_the_same_images(tmp_path: pathlib.Path, ending: Any, prefix: Any) -> None:
    path = tmp_path / f"data.{ending}"
    if ending == "zip":
        make_zip(path, prefix)
    else:
        make_tar(path, f"w:{ending.partition('.')[2]}", prefix)
    assert inspect(path, "archive").labels == {"": {"cat": 2, "dog": 2}}
    images = images_of(path, "archive", tmp_path)
    assert {source: image.data for source, image in images.items()} == {
        name: encoded(picture(seed)) for name, seed in MEMBERS.items()
    }
    assert images["unlabeled/0.png"].label is None


def test_traversal_in_a_tar(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "data.tar"
    make_tar(path, "w")
    data = encoded(picture(9))
    with tarfile.open(path, "a") as archive:
        add_to_tar(archive, "../../etc/evil.png", data)
        add_to_tar(archive, "/etc/evil.png", data)
        add_to_tar(archive, "cat/link.png", type=tarfile.SYMTYPE, linkname="../../secret.png")
        add_to_tar(archive, "cat/hard.png", type=tarfile.LNKTYPE, linkname="../secret.png")
        add_to_tar(archive, "cat/device.png", type=tarfile.CHRTYPE)
    rejected = {s: i.rejected[0] for s, i in images_of(path, "archive", tmp_path).items() if i.rejected}
    assert rejected == {
        "../../etc/evil.png": Reason.OUTSIDE_ROOT,
        "/etc/evil.png": Reason.OUTSIDE_ROOT,
        "cat/link.png": Reason.OUTSIDE_ROOT,
        "cat/hard.png": Reason.OUTSIDE_ROOT,
        "cat/device.png": Reason.UNREADABLE,
    }
    assert not (tmp_path.parent / "etc").exists()


def test_traversal_in_a_zip(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "data.zip"
    make_zip(path)
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../evil.png", encoded(picture(9)))
        archive.writestr("cat\\..\\..\\evil.png", encoded(picture(9)))
        archive.writestr(link, "../../secret.png")
    rejected = [i.rejected[0] for i in images_of(path, "archive", tmp_path).values() if i.rejected]
    assert rejected == [Reason.OUTSIDE_ROOT] * 3


def test_member_that_unpacks_too_large(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "data.zip"
    make_zip(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dog/bomb.png", bytes(5 * 2**20))
    image = images_of(path, "archive", tmp_path)["dog/bomb.png"]
    assert (image.rejected[0], image.data) == (Reason.DECOMPRESSION_BOMB, b"")


def test_damaged_member(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "data.zip"
    make_zip(path)
    damaged = bytearray(path.read_bytes())
    damaged[80] ^= 0xFF
    path.write_bytes(damaged)
    assert images_of(path, "archive", tmp_path)["cat/0.png"].rejected[0] == Reason.UNREADABLE


PNG = encoded(picture(1))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"not an archive at all" * 100, "which is text"),
        (PNG, "which is a PNG image"),
        (b"Rar!\x1a\x07\x01\0" + bytes(500), "which is a RAR archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(500), "which is a file compressed with Zstandard"),
        (b"<!DOCTYPE html><html>Quota exceeded</html>", "which is HTML"),
        (b"", "which is an empty file"),
        (b"PK\x03\x04" + bytes(500), "which is a zip file without its end, cut or still being written"),
        (gzip.compress(PNG, mtime=0), "which is a file compressed with gzip, with a PNG image inside"),
        (b"\x1f\x8b\x08" + bytes(500), "which is a file compressed with gzip, and can't be unpacked"),
        (b"\xde\xad\xbe\xef" * 300, "which is neither zip nor tar"),
    ],
)
@pytest.mark.parametrize("name", ["data.zip", "data.tar.gz"])
def test_what_is_no_archive(tmp_path: pathlib.Path, name: str, data: Any, text: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=f"{text}; expected a whole zip or tar file") as caught:
        inspect(tmp_path / name, "archive")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("kept", [0.51, 0.7, 0.9])
def test_archives_that_are_cut(tmp_path: pathlib.Path, mode: Any, kept: Any) -> None:
    """tarfile itself takes most places where a file is cut for its end."""
    with tarfile.open(tmp_path / "data", mode) as archive:
        for i in range(40):
            add_to_tar(archive, f"{'ab'[i % 2]}/{i}.png", encoded(picture(i, 24, 24)))
    whole = (tmp_path / "data").read_bytes()
    (tmp_path / "data").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DataError, match="which (can't be read to its end: |is .* and can't be unpacked)"):
        inspect(tmp_path / "data", "archive")


def test_a_tar_that_ends_between_two_members(tmp_path: pathlib.Path) -> None:
    make_tar(tmp_path / "data", "w")
    with tarfile.open(tmp_path / "data") as archive:
        last = archive.getmembers()[-1]
    whole = (tmp_path / "data").read_bytes()
    (tmp_path / "data").write_bytes(whole[: last.offset])
    assert (
        "no mark of its end: if it was cut, members are missing"
        in inspect(tmp_path / "data", "archive").warnings[0]
    )
    damaged = whole[: last.offset] + b"\xff" * 512 + whole[last.offset + 512 :]
    (tmp_path / "data").write_bytes(damaged)
    with pytest.raises(DataError, match="its end: no member begins at byte [0-9,]+, where the last one ends"):
        inspect(tmp_path / "data", "archive")


def test_an_archive_at_an_address_that_does_not_answer() -> None:
    with pytest.raises(DataError, match="archive http://127.0.0.1:9/data.zip, which can't be read: "):
        inspect("http://127.0.0.1:9/data.zip", "archive")


def test_names_in_a_zip_that_does_not_say_how_they_are_written(tmp_path: pathlib.Path) -> None:
    """macOS writes UTF-8 without the flag that says so; old programs write what their country has."""
    for encoding, name in (("utf-8", "Größe"), ("latin-1", "Gr÷\u2580e")):
        path = tmp_path / f"{encoding}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for i in range(2):
                archive.writestr(f"cat/{i}.png", encoded(picture(i)))
                archive.writestr(f"{'X' * len('Größe'.encode(encoding))}/{i}.png", encoded(picture(9 + i)))
        path.write_bytes(
            path.read_bytes().replace(b"X" * len("Größe".encode(encoding)), "Größe".encode(encoding))
        )
        found = inspect(path, "archive")
        assert found.labels == {"": {"cat": 2, name: 2}}
        assert images_of(path, "archive", tmp_path)[f"{name}/1.png"].data == encoded(picture(10))
        told = [text for text in found.warnings if "read as code page 437, in 2 paths" in text]
        assert bool(told) == (encoding == "latin-1")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_of_members_with_one_name_the_last_counts(tmp_path: pathlib.Path, kind: str) -> None:
    path = tmp_path / "data"
    names = ["cat/0.png", "dog/0.png", "cat/0.png", "dog/1.png", "cat/1.png"]
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for i, name in enumerate(names):
                archive.writestr(name, encoded(picture(i)))
    else:
        with tarfile.open(path, "w") as archive:
            for i, name in enumerate(names):
                add_to_tar(archive, name, encoded(picture(i)))
    found = inspect(path, "archive")
    assert found.labels == {"": {"cat": 2, "dog": 2}}
    assert found.passed_over == {"members that a later one of the same name replaces": 1}
    assert images_of(path, "archive", tmp_path)["cat/0.png"].data == encoded(picture(2))


def test_links_in_a_tar(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "data.tar"
    with tarfile.open(path, "w") as archive:
        add_to_tar(archive, "cat/early.png", type=tarfile.SYMTYPE, linkname="../blobs/abc")
        add_to_tar(archive, "blobs/abc", encoded(picture(1)))
        add_to_tar(archive, "dog/0.png", encoded(picture(2)))
        add_to_tar(archive, "cat/hard.png", type=tarfile.LNKTYPE, linkname="dog/0.png")
        add_to_tar(archive, "cat/broken.png", type=tarfile.SYMTYPE, linkname="none.png")
        add_to_tar(archive, "cat/directory", type=tarfile.SYMTYPE, linkname="../dog")
    images = images_of(path, "archive", tmp_path)
    assert images["cat/early.png"].data == encoded(picture(1))
    assert images["cat/hard.png"].data == images["dog/0.png"].data == encoded(picture(2))
    assert {source for source, image in images.items() if image.rejected} == {
        "cat/broken.png",
        "cat/directory",
    }


def test_archives_one_behind_the_other(tmp_path: pathlib.Path) -> None:
    for name in "ab":
        with tarfile.open(tmp_path / name, "w") as archive:
            for c in ("cat", "dog"):
                add_to_tar(archive, f"{c}/{name}.png", encoded(picture(ord(name))))
    (tmp_path / "data").write_bytes((tmp_path / "a").read_bytes() + (tmp_path / "b").read_bytes())
    found = inspect(tmp_path / "data", "archive")
    assert (found.num_images, len(found.warnings)) == (2, 1)
    assert found.warnings[0].startswith("more data stand behind the end of the archive")

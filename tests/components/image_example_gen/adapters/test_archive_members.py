"""The list of an archive's members: names, links, what lies behind the end, damage of any kind."""

import gzip
import io
import struct
import tarfile
import zipfile
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tfx_contrastive.components.image_example_gen.adapters import archive_members


def tar_of(*names: str, mode: Any = "w", links: dict[str, str] | None = None) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name in names:
            info = tarfile.TarInfo(name.rstrip("/"))
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(name.encode())
                archive.addfile(info, io.BytesIO(name.encode()))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return file.getvalue()


def zip_of(*names: str, links: dict[str, str] | None = None) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"" if name.endswith("/") else name.encode())
        for name, target in (links or {}).items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o120777 << 16
            archive.writestr(info, target)
    return file.getvalue()


def problems(data: bytes) -> dict[str, str]:
    return {info.relative: info.problem for info in archive_members.read(io.BytesIO(data)).infos}


@pytest.mark.parametrize("archive_of", [tar_of, zip_of])
def test_members_are_sorted_by_name_and_empty_directories_stay(archive_of: Any) -> None:
    members = archive_members.read(io.BytesIO(archive_of("b/2.png", "b/", "a/1.png", "c/", "c/d/")))
    assert [(info.relative, info.size, info.problem) for info in members.infos] == [
        ("a/1.png", 7, ""),
        ("b/2.png", 7, ""),
        ("c/d", 0, "empty_directory"),
    ]
    assert members.is_zip == (archive_of is zip_of)
    assert members.warnings == ()


@pytest.mark.parametrize("archive_of", [tar_of, zip_of])
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a/../b.png", ""),
        ("a/..b.png", ""),
        ("../b.png", "outside"),
        ("a/../../b.png", "outside"),
        ("..\\b.png", "outside"),
        ("/etc/passwd", "outside"),
        ("C:/b.png", "outside"),
        ("C:\\b.png", "outside"),
        ("\\\\server\\b.png", "outside"),
    ],
)
def test_names_that_lead_out_are_told(archive_of: Any, name: str, problem: str) -> None:
    assert list(problems(archive_of(name)).values()) == [problem]


@pytest.mark.parametrize(
    ("target", "in_tar", "in_zip"),
    [
        ("1.png", "", "special"),
        ("../b/2.png", "", "special"),
        ("missing.png", "special", "special"),
        ("../../1.png", "outside", "outside"),
        ("/1.png", "outside", "outside"),
        ("link", "special", "special"),  # to itself
    ],
)
def test_links_are_followed_in_a_tar_only(target: str, in_tar: str, in_zip: str) -> None:
    names, links = ("a/1.png", "b/2.png"), {"a/link": target}
    assert problems(tar_of(*names, links=links))["a/link"] == in_tar
    assert problems(zip_of(*names, links=links))["a/link"] == in_zip


def test_the_target_of_a_link_in_a_zip_is_read_no_further_than_a_path_is_long() -> None:
    assert problems(zip_of(links={"a": "b/" * 10_000 + "../" * 20_000})) == {"a": "special"}


def test_an_encrypted_link_in_a_zip_stops_nothing() -> None:
    data = bytearray(zip_of("a/1.png", links={"a/link": "1.png"}))
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.rindex(start) + flags] |= 1
    assert problems(bytes(data)) == {"a/1.png": "", "a/link": "special"}


def test_of_several_members_of_a_name_all_but_the_last_are_replaced() -> None:
    infos = archive_members.read(io.BytesIO(tar_of("a/1.png", "a/1.png", "a/1.png"))).infos
    assert [info.problem for info in infos] == ["replaced", "replaced", ""]
    assert len({info.path for info in infos}) == 3


@pytest.mark.parametrize(
    ("more", "warnings"),
    [
        (b"", ()),
        (bytes(1 << 21), ()),
        (b"x", ("more data stand behind the end of the archive, such as another one, and are not read",)),
    ],
)
def test_what_lies_behind_the_end_of_a_tar(more: bytes, warnings: tuple[str, ...]) -> None:
    assert archive_members.read(io.BytesIO(tar_of("a/1.png") + more)).warnings == warnings


@pytest.mark.parametrize("kept", [0, 1, 511])
def test_a_tar_without_its_end_mark(kept: int) -> None:
    member = tar_of("a/1.png")[:1024]
    if kept:
        with pytest.raises(tarfile.ReadError, match="no member begins at byte 1,024, where"):
            archive_members.read(io.BytesIO(member + b"x" * kept))
    else:
        (warning,) = archive_members.read(io.BytesIO(member)).warnings
        assert warning == "the archive has no mark of its end: if it was cut, members are missing"


def test_names_in_utf_8_without_a_flag_and_in_other_encodings() -> None:
    name = "ü.png".encode()  # as macOS writes it
    data = zip_of("xx.png").replace(b"xx.png", name)
    assert list(problems(data)) == ["ü.png"]
    members = archive_members.read(io.BytesIO(zip_of("x.png").replace(b"x.png", b"\x81.png")))
    assert [info.relative for info in members.infos] == ["ü.png"]  # code page 437
    assert members.warnings == (
        "names that are not UTF-8 are read as code page 437, in 1 paths: ü.png; zip the folder again where "
        "these are not the names",
    )


@pytest.mark.parametrize("change", [b"\xff\xff", b"\xc3("])
def test_a_name_that_breaks_the_encoding_it_states_is_damage(change: bytes) -> None:
    data = zip_of("ü.png").replace("ü".encode(), change)
    with pytest.raises(archive_members.ERRORS) as caught:
        archive_members.read(io.BytesIO(data))
    why = archive_members.why_not(io.BytesIO(data), caught.value)
    assert why.startswith("can't be read to its end: 'utf-8' codec can't decode")


@pytest.mark.parametrize("data", [gzip.compress(b"x" * 99, mtime=0), b"BZh9", b"\xfd7zXZ\0"])
def test_compressed_files_are_known_by_two_bytes(data: bytes) -> None:
    file = io.BytesIO(data)
    assert archive_members.unpacked(file).readable()
    assert file.tell() <= len(data)


@pytest.mark.parametrize("data", [b"", b"x", b"PK\x03\x04", b"\x1f"])
def test_a_file_that_is_not_compressed_is_refused(data: bytes) -> None:
    with pytest.raises(OSError, match="it is neither zip nor tar"):
        archive_members.unpacked(io.BytesIO(data))


WHOLE = [zip_of("a/ü.png", "b/1.png", links={"l": "b/1.png"}), tar_of("a/ü.png", "b" * 120, links={"l": "a"})]


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_damage_anywhere_is_one_of_the_errors_with_a_reason(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    file = io.BytesIO(bytes(damaged))
    try:
        told = str(archive_members.read(file))
    except archive_members.ERRORS as error:
        file.seek(0)
        told = archive_members.why_not(file, error)
    assert told


def test_a_directory_that_begins_before_the_file_is_damage() -> None:
    data = bytearray(zip_of("a/1.png"))
    end = data.rindex(b"PK\x05\x06")
    data[end + 12 : end + 20] = struct.pack("<II", 2**31, 0)
    with pytest.raises(archive_members.ERRORS):
        archive_members.read(io.BytesIO(bytes(data)))

"""List the members of a zip or tar file, or tell why the file is no archive."""

import bz2
import contextlib
import dataclasses
import gzip
import io
import lzma
import posixpath
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.examples.file_formats import HEAD_BYTES, name_format
from tfx_contrastive.components.image_example_gen.adapters import source_files
from tfx_contrastive.contract import file_info

_ZIP_SYMBOLIC_LINK_BITS = 16  # a zip made on Unix has the file's mode in the upper half of external_attr
_UTF_8_FLAG = 0x800
_LONGEST_PATH = 4096  # bytes, on Linux

# Errors that a damaged file, or one of another format, raises.
ERRORS = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    struct.error,
    NotImplementedError,
)

# First two bytes -> how to unpack.
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}


@dataclasses.dataclass(frozen=True)
class Members:
    """The members of an archive.

    Attributes:
        infos: Files, and directories without any file, sorted by name. `path` is the key for reading a
            member: its name in a zip file, the offset of its data in a tar file.
        is_zip: Whether it is a zip file.
        warnings: Warnings about names, one sentence each.
    """

    infos: tuple[file_info.FileInfo, ...]
    is_zip: bool
    warnings: tuple[str, ...] = ()


def read(file: BinaryIO) -> Members:
    """List an archive.

    Raises:
        One of `ERRORS`: If the file is no archive, or damaged.
    """
    is_zip = zipfile.is_zipfile(file)
    file.seek(0)
    warnings = []
    if is_zip:
        found = list(_zip_members(file))
    else:
        with _plain(file) as tar, tarfile.open(fileobj=tar, mode="r:") as archive:
            found = list(_tar_members(archive))
            warnings += _end_warnings(tar, archive.offset)
    odd = [info.relative for info, is_odd in found if is_odd]
    if odd:
        warnings.append(
            f"names that are not UTF-8 are read as code page 437, in {len(odd):,} paths: "
            f"{names.listed(odd, 2)}; zip the folder again where these are not the names"
        )
    return Members(tuple(_settled([info for info, _ in found])), is_zip, tuple(warnings))


def why_not(file: BinaryIO, error: Exception) -> str:
    """Tell why a file is no archive, or not a complete one.

    Args:
        file: The file, at its beginning.
        error: The error that reading it raised.
    """
    head = file.read(HEAD_BYTES)
    kind = name_format(head) or "neither zip nor tar"
    if head.startswith(b"PK") and not isinstance(error, ValueError | struct.error):
        return "is a zip file without its end, cut or still being written"
    if head[:2] in _OPENERS:
        file.seek(0)
        try:
            with unpacked(file) as opened:
                inside = name_format(opened.read(HEAD_BYTES))
        except ERRORS:
            inside = None
        if inside != "a tar file":
            return f"is {kind}, with {inside} inside" if inside else f"is {kind}, and can't be unpacked"
    if kind == "a tar file" or head[:2] in _OPENERS or head.startswith(b"PK"):
        return f"can't be read to its end: {str(error).splitlines()[0]}"
    return f"is {kind}"


def unpacked(file: BinaryIO) -> BinaryIO:
    """Open a compressed file.

    Raises:
        OSError: If it is not compressed with gzip, bzip2 or xz.
    """
    magic = file.read(2)
    file.seek(0)
    if magic not in _OPENERS:
        raise OSError("it is neither zip nor tar")
    return cast(BinaryIO, _OPENERS[magic](file))


@contextlib.contextmanager
def _plain(file: BinaryIO) -> Iterator[BinaryIO]:
    """Unpack a tar file if it is compressed; a buffer makes going back by one block cheap."""
    is_packed = file.read(2) in _OPENERS
    file.seek(0)
    if is_packed:
        with io.BufferedReader(cast(Any, unpacked(file)), 1 << 20) as plain:
            yield cast(BinaryIO, plain)
    else:
        yield file


def _end_warnings(tar: BinaryIO, offset: int) -> list[str]:
    """Look at the data after the last member, where tarfile stops without an error.

    Args:
        tar: The uncompressed file.
        offset: Where the next member would begin.

    Raises:
        tarfile.ReadError: If the data are neither the end mark nor the end of the file.
    """
    tar.seek(offset)
    block = tar.read(tarfile.BLOCKSIZE)
    if not block:
        return ["the archive has no mark of its end: if it was cut, members are missing"]
    if len(block) < tarfile.BLOCKSIZE or block.strip(b"\0"):
        raise tarfile.ReadError(f"no member begins at byte {offset:,}, where the last one ends")
    while rest := tar.read(1 << 20):
        if rest.strip(b"\0"):
            return ["more data stand behind the end of the archive, such as another one, and are not read"]
    return []


def _settled(found: Sequence[file_info.FileInfo]) -> Iterator[file_info.FileInfo]:
    """Yield members by name: the last one of each name, and only those directories that are empty."""
    last = {info.relative: i for i, info in enumerate(found)}
    above = {"", "."}
    for info in found:
        directory = posixpath.dirname(info.relative)
        while directory not in above:
            above.add(directory)
            directory = posixpath.dirname(directory)
    for i, info in sorted(enumerate(found), key=lambda item: item[1].relative):
        if info.problem == "empty_directory" and info.relative in above:
            continue
        yield info if last[info.relative] == i else dataclasses.replace(info, problem="replaced")


def _zip_members(file: Any) -> Iterator[tuple[file_info.FileInfo, bool]]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            name, is_odd = _zip_name(member)
            name = name.replace("\\", "/").removeprefix("./")  # some zips of Windows have them
            if member.is_dir() or name.endswith("/"):
                yield file_info.FileInfo(member.filename, name.rstrip("/"), 0, "", "empty_directory"), False
                continue
            problem = "outside" if _escapes(member.filename) else ""
            if not problem and stat.S_ISLNK(member.external_attr >> _ZIP_SYMBOLIC_LINK_BITS):
                problem = "outside" if _escapes(_link_target(archive, member), member.filename) else "special"
            version = f"{member.CRC:08x}"
            yield file_info.FileInfo(member.filename, name, member.file_size, version, problem), is_odd


def _link_target(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    """Return the target of a symbolic link; empty if it is encrypted."""
    try:
        with archive.open(member) as file:
            return file.read(_LONGEST_PATH).decode("utf-8", "replace")
    except RuntimeError:
        return ""


def _zip_name(member: zipfile.ZipInfo) -> tuple[str, bool]:
    """Return the name of a member, and whether its encoding is a guess.

    Many programs (macOS among them) write UTF-8 without saying so; zipfile takes it for code page 437.
    """
    if member.flag_bits & _UTF_8_FLAG or member.filename.isascii():
        return member.filename, False
    try:
        return member.filename.encode("cp437").decode("utf-8"), False
    except UnicodeDecodeError:
        return member.filename, True
    except UnicodeEncodeError:  # told by an extra field
        return member.filename, False


def _tar_members(archive: tarfile.TarFile) -> Iterator[tuple[file_info.FileInfo, bool]]:
    members = archive.getmembers()
    regular = {posixpath.normpath(member.name): member for member in members if member.isreg()}
    for member in members:
        name = source_files.readable(member.name.removeprefix("./"))
        if member.isdir():
            yield file_info.FileInfo("", name.rstrip("/"), 0, "", "empty_directory"), False
            continue
        target, problem = member, "outside" if _escapes(member.name) else ""
        if not problem and (member.issym() or member.islnk()):
            beside = posixpath.dirname(member.name) if member.issym() else ""
            problem = "outside" if _escapes(member.linkname, beside and f"{beside}/x") else ""
            target = regular.get(posixpath.normpath(posixpath.join(beside, member.linkname)), member)
        if not problem and not target.isreg():
            problem = "special"
        info = file_info.FileInfo(str(target.offset_data), name, target.size, str(member.mtime), problem)
        yield info, False


def _escapes(name: str, inside_of: str = "") -> bool:
    """Return whether a member's name, or the target of a link, leads out of the archive."""
    name = name.replace("\\", "/")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(inside_of), name))
    has_drive = len(name) > 1 and name[1] == ":"
    return path.startswith(("/", "../")) or path == ".." or has_drive

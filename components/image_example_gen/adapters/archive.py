"""A zip or tar file that holds an image folder."""

import bz2
import contextlib
import dataclasses
import gzip
import lzma
import os
import posixpath
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from components.image_example_gen import files
from components.image_example_gen.adapters import base, tree
from components.image_example_gen.config import ArchiveSource
from components.image_example_gen.errors import DataError
from components.image_example_gen.records import EncodedImage, Entry, Reason, RejectedError

_ZIP_SYMBOLIC_LINK_BITS = 16  # a zip made on Unix has the file's mode in the upper half of external_attr
_ARCHIVE_ERRORS = (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, NotImplementedError)


@dataclasses.dataclass(frozen=True)
class ArchiveChunk:
    """Some members of an archive.

    Attributes:
        path: The zip file, or the unpacked tar file.
        is_zip: Which of the two; in a tar file an entry's path is the offset of its data.
        entries: The members.
    """

    path: str
    is_zip: bool
    entries: tuple[Entry, ...]


# First two bytes -> how to unpack.
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}


class ArchiveAdapter:
    """Reads members in place: nothing is extracted by name, so no name can lead out of the root."""

    def __init__(self, source: ArchiveSource, max_file_bytes: int):
        self._path = source.path
        self._layout = source.layout
        self._max_file_bytes = max_file_bytes

    def listing(self) -> base.Listing:
        """Reads the list of members."""
        infos, _ = self._infos(self._path)
        archive = base.require_file(self._path, "the archive")
        listing = tree.listing(self._tree(infos), self._layout)
        return dataclasses.replace(listing, content=base.Content((archive,), (self._layout,)))

    def chunks(self, staging_dir: str, chunk_images: int) -> list[ArchiveChunk]:
        """Unpacks a compressed tar file to a plain one, so that members can be read by position."""
        base.require_file(self._path, "the archive")
        path = self._plain(staging_dir)
        infos, is_zip = self._infos(path)
        found = self._tree(infos)
        entries = [
            dataclasses.replace(entry, source=entry.source.removeprefix(found.wrapper))
            for entry in found.entries
        ]
        groups = base.file_chunks(entries, chunk_images)
        return [ArchiveChunk(path, is_zip, group.entries) for group in groups]

    def read(self, chunk: ArchiveChunk) -> Iterator[EncodedImage]:
        """Reads the members of a chunk, one at a time."""
        with files.open_binary(chunk.path) as file, contextlib.ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(file)) if chunk.is_zip else None
            for entry in chunk.entries:
                try:
                    data, rejected = self._read_member(entry, file, archive), None
                except RejectedError as error:
                    data, rejected = b"", (error.reason, error.detail)
                yield EncodedImage(entry.source, entry.label, entry.split, data, rejected=rejected)

    def _read_member(self, entry: Entry, file: BinaryIO, archive: zipfile.ZipFile | None) -> bytes:
        if entry.rejected:
            raise RejectedError(*entry.rejected)
        if entry.size > self._max_file_bytes:
            detail = f"unpacks to {entry.size:,} bytes; max_file_bytes allows {self._max_file_bytes:,}"
            raise RejectedError(Reason.DECOMPRESSION_BOMB, detail)
        try:
            if archive:
                return archive.read(entry.path)
            file.seek(int(entry.path))
            data = file.read(entry.size)
        except (*_ARCHIVE_ERRORS, RuntimeError, zlib.error) as error:  # RuntimeError: encrypted
            raise RejectedError(Reason.UNREADABLE, str(error)) from error
        if len(data) < entry.size:
            detail = f"the archive ends after {len(data)} of {entry.size} bytes"
            raise RejectedError(Reason.TRUNCATED, detail)
        return data

    @property
    def _what(self) -> str:
        return f"the archive {self._path}"

    def _infos(self, path: str) -> tuple[list[files.FileInfo], bool]:
        """Members sorted by name, and whether it is a zip file."""
        base.require_file(path, "the archive")
        try:
            with files.open_binary(path) as file:
                is_zip = zipfile.is_zipfile(file)
                file.seek(0)
                members = list(_zip_members(file) if is_zip else _tar_members(file))
        except _ARCHIVE_ERRORS as error:
            raise DataError(
                f"Received {self._what}, which can't be read: {error}; expected a whole zip or tar file."
            ) from error
        return sorted(members, key=lambda info: info.relative), is_zip

    def _tree(self, infos: list[files.FileInfo]) -> tree.Tree:
        return tree.read(infos, self._what, self._layout)

    def _plain(self, staging_dir: str) -> str:
        with files.open_binary(self._path) as file:
            if zipfile.is_zipfile(file):
                return self._path
            file.seek(0)
            try:
                with tarfile.open(fileobj=file, mode="r:"):
                    return self._path
            except tarfile.TarError:
                pass  # compressed
        return _decompress(self._path, os.path.join(staging_dir, "source.tar"))


def _decompress(path: str, unpacked: str) -> str:
    with files.open_binary(path) as file:
        magic = file.read(2)
        file.seek(0)
        try:
            with _OPENERS[magic](file) as packed, files.create_binary(unpacked) as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
        except KeyError as error:
            raise DataError(f"Received the archive {path}, which is neither zip nor tar.") from error
        except (OSError, EOFError, lzma.LZMAError) as error:
            raise DataError(f"Received the archive {path}, which can't be unpacked: {error}.") from error
    return unpacked


def _zip_members(file: Any) -> Iterator[files.FileInfo]:
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.is_dir():
                continue
            problem = "outside" if _escapes(member.filename) else ""
            if not problem and stat.S_ISLNK(member.external_attr >> _ZIP_SYMBOLIC_LINK_BITS):
                target = archive.read(member).decode("utf-8", "replace")
                problem = "outside" if _escapes(target, member.filename) else "special"
            version = f"{member.CRC:08x}"
            name = member.filename.replace("\\", "/").removeprefix("./")  # some zips of Windows have them
            yield files.FileInfo(member.filename, name, member.file_size, version, problem)


def _tar_members(file: Any) -> Iterator[files.FileInfo]:
    with tarfile.open(fileobj=file, mode="r:*") as archive:
        for member in archive:
            if member.isdir():
                continue
            problem = "outside" if _escapes(member.name) else ""
            if not problem and (member.issym() or member.islnk()):
                inside_of = member.name if member.issym() else ""
                problem = "outside" if _escapes(member.linkname, inside_of) else "special"
            elif not problem and not member.isreg():
                problem = "special"
            name = files.readable(member.name.removeprefix("./"))
            yield files.FileInfo(str(member.offset_data), name, member.size, str(member.mtime), problem)


def _escapes(name: str, inside_of: str = "") -> bool:
    """Whether a member's name, or the target of a link, leads out of the archive."""
    name = name.replace("\\", "/")
    path = posixpath.normpath(posixpath.join(posixpath.dirname(inside_of), name))
    has_drive = len(name) > 1 and name[1] == ":"
    return path.startswith(("/", "../")) or path == ".." or has_drive

"""Read an image folder inside a zip or tar file."""

import contextlib
import dataclasses
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from tfx_contrastive.components.image_example_gen.adapters import archive_members, image_folder, source_files
from tfx_contrastive.components.image_example_gen.config import ArchiveSource
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError, Reason, RejectedError

from ..records import Content, EncodedImage, Entry, Listing


@dataclasses.dataclass(frozen=True)
class ArchiveChunk:
    """Some members of an archive.

    Attributes:
        path: The zip file, or the unpacked tar file.
        is_zip: Whether it is a zip file. In a tar file the path of an entry is the offset of its data.
        entries: The members.
    """

    path: str
    is_zip: bool
    entries: tuple[Entry, ...]


class ArchiveAdapter:
    """Reads members in place: nothing is extracted by name, so no name can lead out of the root."""

    def __init__(self, source: ArchiveSource, max_file_bytes: int):
        self._path = source.path
        self._layout = source.layout
        self._max_file_bytes = max_file_bytes

    def listing(self) -> Listing:
        """Read the list of members."""
        members = self._members(self._path)
        archive = source_files.require_file(self._path, "the archive")
        listing = image_folder.tree_listing(self._tree(members), self._layout)
        return dataclasses.replace(
            listing,
            content=Content((archive,), (self._layout,)),
            warnings=(*listing.warnings, *members.warnings),
        )

    def chunks(self, staging_dir: str, chunk_images: int) -> list[ArchiveChunk]:
        """Unpack a compressed tar file to a plain one, so that members can be read by position."""
        source_files.require_file(self._path, "the archive")
        path = self._plain(staging_dir)
        members = self._members(path)
        found = self._tree(members)
        entries = [
            dataclasses.replace(entry, source=entry.source.removeprefix(found.wrapper))
            for entry in found.entries
        ]
        groups = source_files.file_chunks(entries, chunk_images)
        return [ArchiveChunk(path, members.is_zip, group.entries) for group in groups]

    def read(self, chunk: ArchiveChunk) -> Iterator[EncodedImage]:
        """Read the members of a chunk, one at a time."""
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
        except (*archive_members.ERRORS, RuntimeError) as error:  # RuntimeError: encrypted
            raise RejectedError(Reason.UNREADABLE, str(error)) from error
        if len(data) < entry.size:
            detail = f"the archive ends after {len(data)} of {entry.size} bytes"
            raise RejectedError(Reason.TRUNCATED, detail)
        return data

    @property
    def _what(self) -> str:
        return f"the archive {self._path}"

    def _members(self, path: str) -> archive_members.Members:
        """Return the members of the archive, or of the plain file to which it was unpacked."""
        source_files.require_file(path, "the archive")
        try:
            with files.open_binary(path) as file:
                return archive_members.read(file)
        except archive_members.ERRORS as error:
            with files.open_binary(path) as file:
                why = archive_members.why_not(file, error)
            raise DataError(
                f"Received {self._what}, which {why}; expected a whole zip or tar file (also .tar.gz, "
                ".tar.bz2, .tar.xz). Correct data.source, or copy the file again."
            ) from error

    def _tree(self, members: archive_members.Members) -> image_folder.Tree:
        return image_folder.read_tree(members.infos, self._what, self._layout)

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
        try:
            with archive_members.unpacked(file) as packed, files.create_binary(unpacked) as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
        except archive_members.ERRORS as error:
            raise DataError(f"Received the archive {path}, which can't be unpacked: {error}.") from error
    return unpacked

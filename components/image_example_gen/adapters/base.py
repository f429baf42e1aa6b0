"""The protocol of an adapter, and functions that several adapters share."""

import collections
import dataclasses
import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from tfx_contrastive.components.examples import names
from tfx_contrastive.contract import file_info, files
from tfx_contrastive.contract.errors import DataError, Reason

from ..records import ArrayBatch, EncodedImage, Entry


@dataclasses.dataclass(frozen=True)
class Content:
    """Everything that determines the examples of a source; `fingerprints.fingerprint` digests it.

    Attributes:
        files: The files that are read, in order.
        more: Other texts that matter, such as options.
    """

    files: tuple[file_info.FileInfo, ...]
    more: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a source shows without decoding an image.

    Attributes:
        content: Everything that determines its examples.
        labels: Split of the source -> class name -> number of images.
        unlabelled: Split of the source -> number of images without a label.
        passed_over: Kind of file that is no image by its name, in the plural -> number.
        warnings: Warnings about how the source was read, one sentence each.
        unusable: Number of images that can't be read, and the reason for the first; empty if all can.
        grouped_by: Name of what groups the images, such as `the column 'patient' of the manifest`; empty
            if nothing does.
    """

    content: Content
    labels: Mapping[str, Mapping[str, int]]
    unlabelled: Mapping[str, int]
    passed_over: Mapping[str, int] = dataclasses.field(default_factory=dict)
    warnings: Sequence[str] = ()
    unusable: str = ""
    grouped_by: str = ""


@dataclasses.dataclass(frozen=True)
class Sketch:
    """The result of a quick look at a source of any size.

    Attributes:
        listing: The listing; its numbers are scaled up from a sample if `is_exact` is false.
        is_exact: Whether every label was read.
        images: Some of the images, not decoded.
        doubts: Problems that would be errors if every label had been read.
    """

    listing: Listing
    is_exact: bool
    images: Iterable[EncodedImage | ArrayBatch]
    doubts: Sequence[str] = ()


class Adapter(Protocol):
    """Reads one kind of source. Each worker builds its own instance from the configuration."""

    def __init__(self, source: Any, max_file_bytes: int): ...

    def listing(self) -> Listing:
        """List the source without decoding an image.

        Raises:
            DataError: If nothing is there, or it is not what the configuration says.
        """

    def chunks(self, staging_dir: str, chunk_images: int) -> Sequence[Any]:
        """Divide the source into picklable parts; may unpack it to `staging_dir` first."""

    def read(self, chunk: Any) -> Iterator[EncodedImage] | ArrayBatch:
        """Read one of the parts."""


def count_labels(pairs: Iterable[tuple[str, str | None]]) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Count (split, label) pairs: labeled ones by split and class, unlabeled ones by split."""
    labels: dict[str, dict[str, int]] = {}
    unlabelled: dict[str, int] = {}
    for (split, label), count in collections.Counter(pairs).items():
        if label is None:
            unlabelled[split] = count
        else:
            labels.setdefault(split, {})[label] = count
    return labels, unlabelled


def unusable(rejected: Sequence[Entry]) -> str:
    """Return the number of entries that can't be read, and the reason for the first; empty if all can."""
    if not rejected:
        return ""
    first = rejected[0]
    _, detail = first.rejected or (None, "")
    named = names.shortened(first.path or first.source)
    return f"{len(rejected):,} can't be read, the first of them {named}: {names.shortened(detail, 400)}"


@dataclasses.dataclass(frozen=True)
class FileChunk:
    """Some entries of a source of files."""

    entries: tuple[Entry, ...]


# A worker holds one image at a time, but a chunk is the unit of retry: bound its bytes too.
_MAX_CHUNK_BYTES = 256 * 2**20


def file_chunks(entries: Sequence[Entry], chunk_images: int) -> list[FileChunk]:
    """Group entries, in order, by number and by bytes."""
    chunks, current, num_bytes = [], [], 0
    for entry in entries:
        current.append(entry)
        num_bytes += max(entry.size, 0)
        if len(current) == chunk_images or num_bytes >= _MAX_CHUNK_BYTES:
            chunks.append(FileChunk(tuple(current)))
            current, num_bytes = [], 0
    if current:
        chunks.append(FileChunk(tuple(current)))
    return chunks


def read_entry(entry: Entry, max_file_bytes: int) -> EncodedImage:
    """Read the bytes of an entry; a failure becomes a rejection."""
    rejected = entry.rejected or oversized(entry.size, max_file_bytes)
    data = b""
    if not rejected:
        try:
            data = files.read_bytes(entry.path)
        except OSError as error:
            rejected = (Reason.UNREADABLE, str(error.strerror or error))
    return EncodedImage(entry.source, entry.label, entry.split, data, rejected=rejected, group=entry.group)


def oversized(size: int, max_file_bytes: int) -> tuple[Reason, str] | None:
    """Return a rejection if a file is larger than allowed."""
    if size <= max_file_bytes:
        return None
    return Reason.OVER_BYTE_LIMIT, f"{size:,} bytes; max_file_bytes allows {max_file_bytes:,}"


def require_file(path: str, what: str) -> file_info.FileInfo:
    """Return the facts about a file that must exist.

    Raises:
        DataError: If it does not.
    """
    try:
        info = file_info.stat(path)
        is_directory = info is None and files.is_directory(path)
    except OSError as error:
        raise DataError(f"Received {what} {path}, which can't be read: {error}.") from error
    if info is None:
        kind = "is a directory" if is_directory else "does not exist"
        hint = " For a folder of images write data.source.kind: image_folder." if is_directory else ""
        raise DataError(
            f"Received {what} {path}, which {kind}; expected a file. Correct data.source.path."
            f"{hint or _path_hint(path)}"
        )
    return info


def require_directory(path: str, what: str) -> None:
    """Check that a directory exists.

    Raises:
        DataError: If it does not.
    """
    try:
        found = files.is_directory(path)
    except OSError as error:
        raise DataError(f"Received {what} {path}, which can't be read: {error}.") from error
    if not found:
        kind = "is a file" if files.exists(path) else "does not exist"
        raise DataError(
            f"Received {what} {path}, which {kind}; expected a directory. Correct data.source.path."
            f"{_path_hint(path)}"
        )


_ENDINGS = {"archive": ".zip .tar .tgz .gz .bz2 .xz", "npz": ".npz", "csv_manifest": ".csv .tsv"}
_KINDS = {
    ending: f" For such a file write data.source.kind: {kind}."
    for kind, endings in _ENDINGS.items()
    for ending in endings.split(" ")
}


def _path_hint(path: str) -> str:
    """Return a hint on what is wrong with a path; begins with a space, empty if nothing is known."""
    if not path.strip():
        return " It is empty."
    if path != path.strip():
        return " It begins or ends with a blank."
    if "$" in path:
        return " Variables are not filled in: write the whole path."
    if re.match(r"[A-Za-z]:\\", path) and os.sep == "/":
        return " It is a path of Windows."
    if files.scheme_of(path):
        return ""
    if files.exists(path):
        return _KINDS.get(os.path.splitext(path)[1].lower(), "")
    if re.search(r"[*?\[]", path):
        return " Patterns are not filled in: write the path of one."
    directory, name = os.path.split(files.local(path).rstrip(os.sep))
    try:
        there = sorted(os.listdir(directory or "."))
    except OSError:
        return ""
    return "".join(f" Did you mean {near}?" for near in difflib.get_close_matches(name, there, 1))

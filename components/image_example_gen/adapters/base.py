"""The protocol of an adapter, and what several of them share."""

import collections
import dataclasses
import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from tfx_contrastive.components.examples import names
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError, Reason

from ..records import ArrayBatch, EncodedImage, Entry


@dataclasses.dataclass(frozen=True)
class Content:
    """All that the examples of a source depend on; `fingerprint.fingerprint` makes one digest of it.

    Attributes:
        files: The files that are read, in order.
        more: Whatever else counts.
    """

    files: tuple[files.FileInfo, ...]
    more: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Listing:
    """What can be known of a source without decoding an image.

    Attributes:
        content: What its examples depend on.
        labels: Split as the source has it -> class name -> number of images.
        unlabelled: Split as the source has it -> number of images without a label.
        passed_over: What is no image by its name: kind in the plural -> number.
        warnings: What a user should know of how the source was read, one sentence each.
        unusable: How many images can't be had at all, and why the first one can't; empty if all can.
        grouped_by: What tells the group of each image, such as `the column 'patient' of the manifest`; empty:
            nothing does.
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
    """What a quick look at a source finds, however large it is.

    Attributes:
        listing: What was found; numbers are scaled up from what was read where `is_exact` is false.
        is_exact: Whether every label was read.
        images: Some of the images, decoded by nobody yet.
        doubts: What would be an error if every label had been read.
    """

    listing: Listing
    is_exact: bool
    images: Iterable[EncodedImage | ArrayBatch]
    doubts: Sequence[str] = ()


class Adapter(Protocol):
    """Reads one kind of source. Instances are rebuilt from the configuration on each worker."""

    def __init__(self, source: Any, max_file_bytes: int): ...

    def listing(self) -> Listing:
        """Lists the source without decoding an image.

        Raises:
            DataError: If there is nothing there, or it is not what the configuration says.
        """

    def chunks(self, staging_dir: str, chunk_images: int) -> Sequence[Any]:
        """Divides the source into picklable parts; may unpack it to `staging_dir` first."""

    def read(self, chunk: Any) -> Iterator[EncodedImage] | ArrayBatch:
        """Reads one of the parts."""


def count_labels(pairs: Iterable[tuple[str, str | None]]) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Counts (split, label) pairs: labelled by split and class, unlabelled by split."""
    labels: dict[str, dict[str, int]] = {}
    unlabelled: dict[str, int] = {}
    for (split, label), count in collections.Counter(pairs).items():
        if label is None:
            unlabelled[split] = count
        else:
            labels.setdefault(split, {})[label] = count
    return labels, unlabelled


def unusable(rejected: Sequence[Entry]) -> str:
    """How many entries can't be read, and why the first can't; empty without one."""
    if not rejected:
        return ""
    first = rejected[0]
    _, detail = first.rejected or (None, "")
    named = names.shortened(first.path or first.source)
    return f"{len(rejected):,} can't be read, the first of them {named}: {names.shortened(detail, 400)}"


@dataclasses.dataclass(frozen=True)
class FileChunk:
    """Some of the entries of a source of files."""

    entries: tuple[Entry, ...]


# A worker holds one image at a time, but a chunk is the unit of retry: bound its bytes too.
_MAX_CHUNK_BYTES = 256 * 2**20


def file_chunks(entries: Sequence[Entry], chunk_images: int) -> list[FileChunk]:
    """Groups entries, in order, by number and by bytes."""
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
    """Reads the bytes of an entry; what goes wrong becomes a rejection."""
    rejected = entry.rejected or oversized(entry.size, max_file_bytes)
    data = b""
    if not rejected:
        try:
            data = files.read_bytes(entry.path)
        except OSError as error:
            rejected = (Reason.UNREADABLE, str(error.strerror or error))
    return EncodedImage(entry.source, entry.label, entry.split, data, rejected=rejected, group=entry.group)


def oversized(size: int, max_file_bytes: int) -> tuple[Reason, str] | None:
    """A rejection where a file is larger than allowed."""
    if size <= max_file_bytes:
        return None
    return Reason.OVER_BYTE_LIMIT, f"{size:,} bytes; max_file_bytes allows {max_file_bytes:,}"


def require_file(path: str, what: str) -> files.FileInfo:
    """What is known of a file that must be there.

    Raises:
        DataError: If it isn't.
    """
    try:
        info = files.stat(path)
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
    """Checks that a directory is there.

    Raises:
        DataError: If it isn't.
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
    """What may be wrong with a path at which there is nothing; begins with a blank, empty if unknown."""
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

"""Find, list, check and read the files of a source, local or remote."""

import dataclasses
import difflib
import os
import re
import stat as stat_module
from collections.abc import Iterator, Sequence

from tfx_contrastive.components.examples import names
from tfx_contrastive.contract import file_info, files
from tfx_contrastive.contract.errors import DataError, Reason
from tfx_contrastive.contract.file_info import FileInfo

from ..records import EncodedImage, Entry


def walk(root: str, follow_links: bool = False, with_hidden: bool = False) -> Iterator[FileInfo]:
    """Yield every file under a directory, sorted by path, without hidden and system files.

    Local links are followed inside the root, never back to a directory above. A link that leads out of
    the root or to nothing is listed itself, with its problem.

    Args:
        root: The directory.
        follow_links: Whether to follow local links that lead out of the root as well.
        with_hidden: Whether to list also hidden and system files, and local directories without any file.
            A hidden directory is one entry.
    """
    if not files.scheme_of(root):
        real_root = os.path.realpath(files.local(root))
        found = _LocalWalk(real_root, follow_links).walk(files.local(root), "", (real_root,))
    else:
        found = file_info.list_remote(root)
    shown = (
        info
        for info in found
        if with_hidden or not (info.problem == "empty_directory" or _hidden(info.relative))
    )
    yield from sorted(shown, key=lambda info: info.relative)


class _LocalWalk:
    """Lists a local directory; its names are valid text, whatever bytes they are made of."""

    def __init__(self, real_root: str, follow_links: bool):
        self._real_root = real_root
        self._follow_links = follow_links
        # The first two directories of a path, and a directory to which a link in it leads. Each pair is
        # entered once: links that form a circle come to an end, and two classes may still share a directory.
        self._entered: set[tuple[tuple[str, ...], str]] = set()

    def walk(self, directory: str, relative: str, chain: tuple[str, ...]) -> Iterator[FileInfo]:
        """List a directory.

        Args:
            directory: Its path.
            relative: Its path relative to the root; empty for the root.
            chain: Paths, without links, of the directories above and of this directory.
        """
        try:
            with os.scandir(directory) as scanned:
                entries = list(scanned)
        except OSError as error:
            problem = "unreadable" if isinstance(error, PermissionError) else "broken"
            yield FileInfo(directory, relative, 0, "", problem)
            return
        if not entries and relative:
            yield FileInfo(directory, relative, 0, "", "empty_directory")
        for entry in entries:
            name = readable(entry.name)
            below = f"{relative}/{name}" if relative else name
            try:
                yield from self._entry(entry, below, chain)
            except OSError:
                yield FileInfo(entry.path, below, 0, "", "broken")

    def _entry(self, entry: os.DirEntry[str], relative: str, chain: tuple[str, ...]) -> Iterator[FileInfo]:
        real = os.path.join(chain[-1], entry.name)
        if names.is_hidden(entry.name):
            yield FileInfo(entry.path, relative, 0, "", real=real)
            return
        if entry.is_symlink():
            entry.stat()  # fails where the link leads nowhere, or to itself
            real = os.path.realpath(entry.path)
            if problem := self._link_problem(entry, real, relative, chain):
                yield FileInfo(entry.path, relative, 0, "", problem, real=real, is_link=True)
                return
        if entry.is_dir():
            yield from self.walk(entry.path, relative, (*chain, real))
            return
        found = entry.stat()
        special = "" if stat_module.S_ISREG(found.st_mode) else "special"
        version, is_link = file_info.local_version(found), entry.is_symlink()
        yield FileInfo(entry.path, relative, found.st_size, version, special, real=real, is_link=is_link)

    def _link_problem(self, entry: os.DirEntry[str], real: str, relative: str, chain: tuple[str, ...]) -> str:
        outside = not is_inside(real, self._real_root)
        if not entry.is_dir():
            return "outside" if outside and not self._follow_links else ""
        if any(is_inside(above, real) for above in chain):
            return "loop"
        if outside and not self._follow_links:
            return "outside_directory"
        key = (tuple(relative.split("/")[:2]), real)
        if key in self._entered:
            return "loop"
        self._entered.add(key)
        return ""


def readable(name: str) -> str:
    """Return a name as valid text: bytes that are not UTF-8 are read as Latin-1, as on old disks."""
    if name.isascii():
        return name
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name


def is_inside(path: str, root: str) -> bool:
    """Return whether a local path without links lies under a local root without links."""
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _hidden(relative: str) -> bool:
    return any(names.is_hidden(part) for part in relative.split("/"))


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

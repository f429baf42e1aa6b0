"""Reads files and lists directories: local, what TensorFlow knows (gs://), or by fsspec.

A local path imports neither TensorFlow nor fsspec.
"""

import dataclasses
import os
import posixpath
import stat as stat_module
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from tfx_contrastive.contract.errors import DataError

from . import names

_TENSORFLOW_SCHEMES = ("gs", "hdfs", "viewfs", "har", "ram")


@dataclasses.dataclass(frozen=True)
class FileInfo:
    """One file.

    Attributes:
        path: What `open_binary` takes.
        relative: Path under the listed root, with forward slashes; the file's name for a single file.
        size: Bytes.
        version: Changes whenever the file is written or another one takes its place; empty where nothing
            shows that.
        problem: Set for a link that leads out of the root ("outside", "outside_directory"), back to a
            directory above ("loop") or nowhere ("broken"), for what can't be listed ("unreadable"), for a
            directory without any file ("empty_directory"), and for a member of an archive that a later one
            of the same name replaces ("replaced").
        checksum: Of the content, as the object store keeps it; empty where it keeps none.
        real: Local path without links: the identity of the file; empty elsewhere.
        is_link: Whether the file itself is a link.
    """

    path: str
    relative: str
    size: int
    version: str
    problem: str = ""
    checksum: str = ""
    real: str = ""
    is_link: bool = False


def scheme_of(path: str) -> str:
    """The scheme of a URL; empty for a local path."""
    head, separator, _ = path.partition("://")
    return head.lower() if separator and head.lower() != "file" else ""


def local(path: str) -> str:
    """A local path with `file://` and `~` resolved.

    Raises:
        DataError: If it begins with `~` and there is no such home directory.
    """
    expanded = os.path.expanduser(path.removeprefix("file://"))
    if expanded.startswith("~") and not os.path.exists(expanded):
        raise DataError(
            f"Received {path}, but there is no such home directory (is HOME set?). Write the whole path."
        )
    return expanded


def join(root: str, relative: str) -> str:
    """`relative` under `root`."""
    return posixpath.join(root, relative) if scheme_of(root) else os.path.join(local(root), relative)


def open_binary(path: str) -> BinaryIO:
    """Opens a file for reading; seekable.

    Raises:
        OSError: If it can't be opened.
    """
    scheme = scheme_of(path)
    if not scheme:
        return open(local(path), "rb")
    if scheme in _TENSORFLOW_SCHEMES:
        import tensorflow as tf

        try:
            size = tf.io.gfile.stat(path).length
        except tf.errors.OpError as error:
            raise OSError(f"{path}: {error.message}") from error
        return cast(BinaryIO, _TensorFlowFile(tf.io.gfile.GFile(path, "rb"), size))
    return cast(BinaryIO, _fsspec(path).open(path, "rb"))


class _TensorFlowFile:
    """Seeking from the end, as zipfile and tarfile do, which GFile lacks for some file systems."""

    def __init__(self, file: Any, size: int):
        self._file = file
        self._size = size

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size) if size >= 0 else self._file.read()

    def seek(self, offset: int, whence: int = 0) -> int:
        base = {0: 0, 1: self._file.tell(), 2: self._size}[whence]
        self._file.seek(base + offset)
        return base + offset

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "_TensorFlowFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def create_binary(path: str) -> BinaryIO:
    """Opens a new file for writing, making its directory."""
    scheme = scheme_of(path)
    if not scheme:
        os.makedirs(os.path.dirname(local(path)), exist_ok=True)
        return open(local(path), "wb")
    if scheme in _TENSORFLOW_SCHEMES:
        import tensorflow as tf

        tf.io.gfile.makedirs(posixpath.dirname(path))
        return cast(BinaryIO, tf.io.gfile.GFile(path, "wb"))
    return cast(BinaryIO, _fsspec(path).open(path, "wb"))


def read_bytes(path: str) -> bytes:
    """The whole content of a file."""
    with open_binary(path) as file:
        return file.read()


def exists(path: str) -> bool:
    """Whether there is a file or a directory."""
    return is_directory(path) or stat(path) is not None


def is_directory(path: str) -> bool:
    """Whether there is a directory."""
    scheme = scheme_of(path)
    if not scheme:
        return os.path.isdir(local(path))
    if scheme in _TENSORFLOW_SCHEMES:
        import tensorflow as tf

        return tf.io.gfile.isdir(path)
    return bool(_fsspec(path).isdir(path))


def stat(path: str) -> FileInfo | None:
    """What is known of a file; None where there is none."""
    scheme = scheme_of(path)
    if not scheme:
        own = local(path)
        try:
            found = os.stat(own)
        except (OSError, ValueError):
            return None
        if not stat_module.S_ISREG(found.st_mode):
            return None
        return FileInfo(own, os.path.basename(own), found.st_size, local_version(found))
    name = posixpath.basename(path)
    if scheme in _TENSORFLOW_SCHEMES:
        import tensorflow as tf

        if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
            return None
        return _tensorflow_info(path, name)
    filesystem = _fsspec(path)
    if not filesystem.isfile(path):
        return None
    return _fsspec_info(path, name, filesystem.info(path))


def local_version(found: os.stat_result) -> str:
    """What tells that a local file is as it was.

    The modification time alone doesn't: archives, `rsync -t` and `cp -p` set it. The kernel sets the change
    time at every write, rename and change of times; the inode differs where files have changed places.
    """
    return f"{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_ino}"


def walk(root: str, follow_links: bool = False, with_hidden: bool = False) -> Iterator[FileInfo]:
    """Every file under a directory, sorted by path; hidden and system files are passed over.

    Local links are followed inside the root, never back to a directory above; where they lead out of it
    or nowhere, the link itself is listed, with its problem.

    Args:
        root: The directory.
        follow_links: Whether local links that lead out of the root are followed as well.
        with_hidden: Whether to list hidden and system files too, and local directories without any file; a
            hidden directory is one entry.
    """
    scheme = scheme_of(root)
    if not scheme:
        real_root = os.path.realpath(local(root))
        found = _LocalWalk(real_root, follow_links).walk(local(root), "", (real_root,))
    elif scheme in _TENSORFLOW_SCHEMES:
        found = _walk_tensorflow(root)
    else:
        found = _walk_fsspec(root)
    shown = (
        info
        for info in found
        if with_hidden or not (info.problem == "empty_directory" or _hidden(info.relative))
    )
    yield from sorted(shown, key=lambda info: info.relative)


class _LocalWalk:
    """Lists a local directory; the names that it gives are readable whatever bytes they are made of."""

    def __init__(self, real_root: str, follow_links: bool):
        self._real_root = real_root
        self._follow_links = follow_links
        # Directories entered by a link, each once below the same two directories: links that lead to one
        # another in circles come to an end, and two classes may still share a directory.
        self._entered: set[tuple[tuple[str, ...], str]] = set()

    def walk(self, directory: str, relative: str, chain: tuple[str, ...]) -> Iterator[FileInfo]:
        """Lists a directory.

        Args:
            directory: Its path.
            relative: The same, relative to the root; empty for the root.
            chain: Real paths of the directories above, and last its own.
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
        version, is_link = local_version(found), entry.is_symlink()
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
    """A name as text: bytes that are no UTF-8 are taken as Latin-1, which old archives and disks have."""
    if name.isascii():
        return name
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name


def is_inside(path: str, root: str) -> bool:
    """Whether a real local path lies under a real local root."""
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _walk_tensorflow(root: str) -> Iterator[FileInfo]:
    import tensorflow as tf

    for directory, _, file_names in tf.io.gfile.walk(root):
        for name in file_names:
            path = posixpath.join(directory, name)
            relative = path[len(root.rstrip("/")) + 1 :]
            if name:
                yield _tensorflow_info(path, relative)


def _walk_fsspec(root: str) -> Iterator[FileInfo]:
    filesystem = _fsspec(root)
    base = filesystem._strip_protocol(root).rstrip("/")
    for path, info in filesystem.find(root, detail=True).items():
        relative = path[len(base) :].lstrip("/")
        if relative:
            yield _fsspec_info(filesystem.unstrip_protocol(path), relative, info)


def _hidden(relative: str) -> bool:
    return any(names.is_hidden(part) for part in relative.split("/"))


def _tensorflow_info(path: str, relative: str) -> FileInfo:
    import tensorflow as tf

    found = tf.io.gfile.stat(path)
    # An object store's time is its own; a file system's (hdfs) can be set by whoever writes there.
    version = str(found.mtime_nsec) if scheme_of(path) == "gs" else ""
    return FileInfo(path, relative, found.length, version)


def _fsspec_info(path: str, relative: str, info: dict[str, Any]) -> FileInfo:
    tags = (str(info[tag]) for tag in ("md5Hash", "ETag", "etag", "generation") if info.get(tag))
    # HTTP: a weak tag may stay where bytes change.
    checksum = next((tag for tag in tags if not tag.startswith("W/")), "")
    return FileInfo(path, relative, info.get("size") or 0, checksum, checksum=checksum)


def _fsspec(path: str) -> Any:
    import fsspec

    try:
        return fsspec.core.url_to_fs(path)[0]
    except (ValueError, ImportError) as error:
        raise OSError(f"Received the path {path}; no file system for it is installed: {error}") from error

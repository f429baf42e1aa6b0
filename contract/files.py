"""Access to files and directories that may be local or remote: the one door to them.

Three libraries stand behind it. A local path uses Python's own functions and imports nothing more. The
schemes that TensorFlow knows (`gs://`, `hdfs://`, …) use `tf.io.gfile`, as TFX does, so that credentials and
caches are the same ones. Every other scheme (`s3://`, `https://`, …) uses fsspec.
"""

import dataclasses
import glob as local_glob
import os
import posixpath
import shutil
import stat as stat_module
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from .errors import DataError

_FILE_URL = "file://"
_TENSORFLOW_SCHEMES = ("gs", "hdfs", "viewfs", "har", "ram")


@dataclasses.dataclass(frozen=True)
class FileInfo:
    """One file.

    Attributes:
        path: The argument for `open_binary`.
        relative: Path relative to the listed root, with forward slashes; for a single file, its name.
        size: Size in bytes.
        version: A text that changes whenever the file is written or replaced; empty where nothing shows that.
        problem: Why the entry can't be read as a file; empty if it can. "outside" and "outside_directory": a
            link that leads out of the root. "loop": a link back to a directory above. "broken": a link to
            nothing. "unreadable": no permission to list it. "empty_directory": a directory without any file.
            "replaced": a member of an archive that a later member of the same name replaces.
        checksum: Checksum of the content that the object store keeps; empty where it keeps none.
        real: Local path with all links resolved, which identifies the file; empty for remote files.
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
    """Return the scheme of a URL in lower case; empty for a local path and for `file://`."""
    head, separator, _ = path.partition("://")
    return head.lower() if separator and head.lower() != "file" else ""


def local(path: str) -> str:
    """Return a local path with `file://` and `~` resolved.

    Raises:
        DataError: If the path begins with `~` and there is no such home directory.
    """
    is_url = path[: len(_FILE_URL)].lower() == _FILE_URL
    expanded = os.path.expanduser(path[len(_FILE_URL) :] if is_url else path)
    if expanded.startswith("~") and not os.path.exists(expanded):
        raise DataError(
            f"Received {path}, but there is no such home directory (is HOME set?). Write the whole path."
        )
    return expanded


def join(root: str, relative: str) -> str:
    """Return the path of `relative` under `root`."""
    return posixpath.join(root, relative) if scheme_of(root) else os.path.join(local(root), relative)


def open_binary(path: str) -> BinaryIO:
    """Open a file for reading; the result can seek.

    Raises:
        OSError: If the file can't be opened.
    """
    if not scheme_of(path):
        return open(local(path), "rb")
    if gfile := _gfile(path):
        import tensorflow as tf

        try:
            size = gfile.stat(path).length
        except tf.errors.OpError as error:
            raise OSError(f"{path}: {error.message}") from error
        return cast(BinaryIO, _TensorFlowFile(gfile.GFile(path, "rb"), size))
    return cast(BinaryIO, _fsspec(path).open(path, "rb"))


class _TensorFlowFile:
    """A GFile that can seek from its end, as zipfile and tarfile do; some file systems lack that."""

    def __init__(self, file: Any, size: int):
        self._file = file
        self._size = size

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size) if size >= 0 else self._file.read()
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        base: int = {0: 0, 1: self._file.tell(), 2: self._size}[whence]
        self._file.seek(base + offset)
        return base + offset

    def tell(self) -> int:
        return int(self._file.tell())

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "_TensorFlowFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def create_binary(path: str) -> BinaryIO:
    """Open a new file for writing; its directory is made if need be."""
    if not scheme_of(path):
        make_directory(os.path.dirname(local(path)))
        return open(local(path), "wb")
    if gfile := _gfile(path):
        gfile.makedirs(posixpath.dirname(path))
        return cast(BinaryIO, gfile.GFile(path, "wb"))
    return cast(BinaryIO, _fsspec(path).open(path, "wb"))


def read_bytes(path: str) -> bytes:
    """Return the whole content of a file."""
    with open_binary(path) as file:
        return file.read()


def read_text(path: str) -> str:
    """Return the whole content of a file of UTF-8 text."""
    return read_bytes(path).decode("utf-8")


def write_bytes(path: str, data: bytes) -> None:
    """Write a file; its directory is made if need be, and an existing file is replaced."""
    with create_binary(path) as file:
        file.write(data)


def write_text(path: str, text: str) -> None:
    """Write a file of UTF-8 text, as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


def make_directory(path: str) -> None:
    """Make a directory and those above it; one that is already there is no error."""
    if not scheme_of(path):
        os.makedirs(local(path) or ".", exist_ok=True)
    elif gfile := _gfile(path):
        gfile.makedirs(path)
    else:
        _fsspec(path).makedirs(path, exist_ok=True)


def remove_tree(path: str) -> None:
    """Remove a directory with everything in it."""
    if not scheme_of(path):
        shutil.rmtree(local(path))
    elif gfile := _gfile(path):
        gfile.rmtree(path)
    else:
        _fsspec(path).rm(path, recursive=True)


def rename(path: str, new_path: str) -> None:
    """Rename a file or a directory within one file system; an existing file is replaced."""
    if not scheme_of(path):
        os.replace(local(path), local(new_path))
    elif gfile := _gfile(path):
        gfile.rename(path, new_path, overwrite=True)
    else:
        _fsspec(path).mv(path, new_path, recursive=True)


def copy(path: str, new_path: str) -> None:
    """Copy a file, also between file systems; an existing file is replaced."""
    with open_binary(path) as source, create_binary(new_path) as target:
        shutil.copyfileobj(source, target, 1 << 20)


def glob(pattern: str) -> list[str]:
    """Return the paths that match a pattern with `*` and `?`, sorted."""
    if not scheme_of(pattern):
        return sorted(local_glob.glob(local(pattern)))
    if gfile := _gfile(pattern):
        return sorted(gfile.glob(pattern))
    filesystem = _fsspec(pattern)
    return sorted(filesystem.unstrip_protocol(path) for path in filesystem.glob(pattern))


def exists(path: str) -> bool:
    """Return whether there is a file or a directory."""
    return is_directory(path) or stat(path) is not None


def is_directory(path: str) -> bool:
    """Return whether there is a directory."""
    if not scheme_of(path):
        return os.path.isdir(local(path))
    if gfile := _gfile(path):
        return bool(gfile.isdir(path))
    return bool(_fsspec(path).isdir(path))


def stat(path: str) -> FileInfo | None:
    """Return the facts about a file; None where there is none."""
    if not scheme_of(path):
        own = local(path)
        try:
            found = os.stat(own)
        except (OSError, ValueError):
            return None
        if not stat_module.S_ISREG(found.st_mode):
            return None
        return FileInfo(own, os.path.basename(own), found.st_size, local_version(found))
    name = posixpath.basename(path)
    if gfile := _gfile(path):
        if not gfile.exists(path) or gfile.isdir(path):
            return None
        return _tensorflow_info(path, name)
    filesystem = _fsspec(path)
    if not filesystem.isfile(path):
        return None
    return _fsspec_info(path, name, filesystem.info(path))


def local_version(found: os.stat_result) -> str:
    """Return a text that changes whenever a local file changes.

    The modification time alone is not enough: archives, `rsync -t` and `cp -p` set it. The kernel sets the
    change time at every write, rename and change of times; the inode differs where files were swapped.
    """
    return f"{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_ino}"


def list_remote(root: str) -> Iterator[FileInfo]:
    """List every file under a remote directory, in no particular order."""
    if gfile := _gfile(root):
        for directory, _, file_names in gfile.walk(root):
            for name in filter(None, file_names):
                path = posixpath.join(directory, name)
                yield _tensorflow_info(path, path[len(root.rstrip("/")) + 1 :])
        return
    filesystem = _fsspec(root)
    base = filesystem._strip_protocol(root).rstrip("/")
    for path, info in filesystem.find(root, detail=True).items():
        relative = path[len(base) :].lstrip("/")
        if relative:
            yield _fsspec_info(filesystem.unstrip_protocol(path), relative, info)


def _tensorflow_info(path: str, relative: str) -> FileInfo:
    found = _gfile(path).stat(path)
    # The time of an object store is its own; that of a file system (hdfs) can be set by whoever writes there.
    version = str(found.mtime_nsec) if scheme_of(path) == "gs" else ""
    return FileInfo(path, relative, found.length, version)


def _fsspec_info(path: str, relative: str, info: dict[str, Any]) -> FileInfo:
    tags = (str(info[tag]) for tag in ("md5Hash", "ETag", "etag", "generation") if info.get(tag))
    # HTTP: a weak tag may stay the same while bytes change.
    checksum = next((tag for tag in tags if not tag.startswith("W/")), "")
    return FileInfo(path, relative, info.get("size") or 0, checksum, checksum=checksum)


def _gfile(path: str) -> Any:
    """Return `tf.io.gfile` for the schemes that TensorFlow knows; else None."""
    if scheme_of(path) not in _TENSORFLOW_SCHEMES:
        return None
    import tensorflow as tf

    return tf.io.gfile


def _fsspec(path: str) -> Any:
    import fsspec

    try:
        return fsspec.core.url_to_fs(path)[0]
    except (ValueError, ImportError) as error:
        raise OSError(f"Received the path {path}; no file system for it is installed: {error}") from error

"""Access to files and directories that may be local or remote: the one door to them.

Three libraries stand behind it. A local path uses Python's own functions and imports nothing more. The
schemes that TensorFlow knows (`gs://`, `hdfs://`, …) use `tf.io.gfile`, as TFX does, so that credentials and
caches are the same ones. Every other scheme (`s3://`, `https://`, …) uses fsspec.
"""

import glob as local_glob
import os
import posixpath
import shutil
from typing import Any, BinaryIO, cast

from .errors import DataError

_FILE_URL = "file://"
_TENSORFLOW_SCHEMES = ("gs", "hdfs", "viewfs", "har", "ram")


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
    if gfile := gfile_for(path):
        import tensorflow as tf

        try:
            size = gfile.stat(path).length
        except tf.errors.OpError as error:
            raise OSError(f"{path}: {error.message}") from error
        return cast(BinaryIO, _TensorFlowFile(gfile.GFile(path, "rb"), size))
    return cast(BinaryIO, fsspec_for(path).open(path, "rb"))


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
    if gfile := gfile_for(path):
        gfile.makedirs(posixpath.dirname(path))
        return cast(BinaryIO, gfile.GFile(path, "wb"))
    return cast(BinaryIO, fsspec_for(path).open(path, "wb"))


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
    elif gfile := gfile_for(path):
        gfile.makedirs(path)
    else:
        fsspec_for(path).makedirs(path, exist_ok=True)


def remove_tree(path: str) -> None:
    """Remove a directory with everything in it."""
    if not scheme_of(path):
        shutil.rmtree(local(path))
    elif gfile := gfile_for(path):
        gfile.rmtree(path)
    else:
        fsspec_for(path).rm(path, recursive=True)


def remove(path: str) -> None:
    """Remove a file."""
    if not scheme_of(path):
        os.remove(local(path))
    elif gfile := gfile_for(path):
        gfile.remove(path)
    else:
        fsspec_for(path).rm_file(path)


def rename(path: str, new_path: str) -> None:
    """Rename a file or a directory within one file system; an existing file is replaced."""
    if not scheme_of(path):
        os.replace(local(path), local(new_path))
    elif gfile := gfile_for(path):
        gfile.rename(path, new_path, overwrite=True)
    else:
        fsspec_for(path).mv(path, new_path, recursive=True)


def copy(path: str, new_path: str) -> None:
    """Copy a file, also between file systems; an existing file is replaced."""
    with open_binary(path) as source, create_binary(new_path) as target:
        shutil.copyfileobj(source, target, 1 << 20)


def glob(pattern: str) -> list[str]:
    """Return the paths that match a pattern with `*` and `?`, sorted."""
    if not scheme_of(pattern):
        return sorted(local_glob.glob(local(pattern)))
    if gfile := gfile_for(pattern):
        return sorted(gfile.glob(pattern))
    filesystem = fsspec_for(pattern)
    return sorted(filesystem.unstrip_protocol(path) for path in filesystem.glob(pattern))


def names(directory: str) -> list[str]:
    """Return the names of what a directory holds, sorted.

    Raises:
        OSError: If there is no such directory.
    """
    if not scheme_of(directory):
        return sorted(os.listdir(local(directory)))
    if not is_directory(directory):
        raise NotADirectoryError(f"Received {directory}, which is not a directory.")
    if gfile := gfile_for(directory):
        return sorted(filter(None, (name.rstrip("/") for name in gfile.listdir(directory))))
    found = fsspec_for(directory).ls(directory, detail=False)
    return sorted(posixpath.basename(path.rstrip("/")) for path in found)


def find(directory: str) -> list[str]:
    """Return the paths of all files under a directory, relative to it, with forward slashes, sorted.

    Links to directories are not followed. Where there is no such directory, the list is empty.
    """
    if scheme_of(directory) and not gfile_for(directory):
        filesystem = fsspec_for(directory)
        root = filesystem._strip_protocol(directory).rstrip("/")
        return sorted(path[len(root) + 1 :] for path in filesystem.find(directory))
    root = directory.rstrip("/") if scheme_of(directory) else local(directory)
    gfile = gfile_for(directory)
    found = []
    for folder, _, file_names in gfile.walk(root) if gfile else os.walk(root):
        relative = folder[len(root) :].replace(os.sep, "/").strip("/")
        found += [posixpath.join(relative, name) for name in file_names if name]
    return sorted(found)


def exists(path: str) -> bool:
    """Return whether there is a file or a directory."""
    return is_directory(path) or is_file(path)


def is_file(path: str) -> bool:
    """Return whether there is a file; pipes, sockets and devices are none."""
    if not scheme_of(path):
        return os.path.isfile(local(path))
    if gfile := gfile_for(path):
        return bool(gfile.exists(path) and not gfile.isdir(path))
    return bool(fsspec_for(path).isfile(path))


def is_directory(path: str) -> bool:
    """Return whether there is a directory."""
    if not scheme_of(path):
        return os.path.isdir(local(path))
    if gfile := gfile_for(path):
        return bool(gfile.isdir(path))
    return bool(fsspec_for(path).isdir(path))


def gfile_for(path: str) -> Any:
    """Return `tf.io.gfile` for a URL whose scheme TensorFlow knows; None for every other path."""
    if scheme_of(path) not in _TENSORFLOW_SCHEMES:
        return None
    import tensorflow as tf

    return tf.io.gfile


def fsspec_for(path: str) -> Any:
    """Return fsspec's file system of a URL.

    Raises:
        OSError: If nothing that is installed knows its scheme.
    """
    import fsspec

    try:
        return fsspec.core.url_to_fs(path)[0]
    except (ValueError, ImportError) as error:
        raise OSError(f"Received the path {path}; no file system for it is installed: {error}") from error

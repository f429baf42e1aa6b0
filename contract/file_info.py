"""Facts about files: size, version and checksum, of one file or of all under a remote directory."""

import dataclasses
import os
import posixpath
import stat as stat_module
from collections.abc import Iterator
from typing import Any

from . import files


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


def stat(path: str) -> FileInfo | None:
    """Return the facts about a file; None where there is none."""
    if not files.scheme_of(path):
        own = files.local(path)
        try:
            found = os.stat(own)
        except (OSError, ValueError):
            return None
        if not stat_module.S_ISREG(found.st_mode):
            return None
        return FileInfo(own, os.path.basename(own), found.st_size, local_version(found))
    name = posixpath.basename(path)
    if not files.is_file(path):
        return None
    if files.gfile_for(path):
        return _tensorflow_info(path, name)
    return fsspec_info(path, name, files.fsspec_for(path).info(path))


def local_version(found: os.stat_result) -> str:
    """Return a text that changes whenever a local file changes.

    The modification time alone is not enough: archives, `rsync -t` and `cp -p` set it. The kernel sets the
    change time at every write, rename and change of times; the inode differs where files were swapped.
    """
    return f"{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_ino}"


def list_remote(root: str) -> Iterator[FileInfo]:
    """List every file under a remote directory, in no particular order."""
    if files.gfile_for(root):
        yield from (_tensorflow_info(files.join(root, name), name) for name in files.find(root))
        return
    filesystem = files.fsspec_for(root)
    base = filesystem._strip_protocol(root).rstrip("/")
    for path, info in filesystem.find(root, detail=True).items():
        relative = path[len(base) :].lstrip("/")
        if relative:
            yield fsspec_info(filesystem.unstrip_protocol(path), relative, info)


def _tensorflow_info(path: str, relative: str) -> FileInfo:
    found = files.gfile_for(path).stat(path)
    # The time of an object store is its own; that of a file system (hdfs) can be set by whoever writes there.
    version = str(found.mtime_nsec) if files.scheme_of(path) == "gs" else ""
    return FileInfo(path, relative, found.length, version)


def fsspec_info(path: str, relative: str, info: dict[str, Any]) -> FileInfo:
    """Return the facts that fsspec's `info` holds about a remote file."""
    tags = (str(info[tag]) for tag in ("md5Hash", "ETag", "etag", "generation") if info.get(tag))
    # HTTP: a weak tag may stay the same while bytes change.
    checksum = next((tag for tag in tags if not tag.startswith("W/")), "")
    return FileInfo(path, relative, info.get("size") or 0, checksum, checksum=checksum)

"""List the files under a directory, local or remote, with the problems of links and directories."""

import os
import stat as stat_module
from collections.abc import Iterator

from tfx_contrastive.components.examples import names
from tfx_contrastive.contract import file_info, files
from tfx_contrastive.contract.file_info import FileInfo


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
        # Directories entered by a link, each once per two top directories: then links to each other
        # in a circle come to an end, and two classes may still share a directory.
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

"""Lists the files of a directory, local or remote, with what is wrong with links and directories in it."""

import os
import stat as stat_module
from collections.abc import Iterator

from tfx_contrastive.components.examples import names
from tfx_contrastive.contract import files
from tfx_contrastive.contract.files import FileInfo


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
    if not files.scheme_of(root):
        real_root = os.path.realpath(files.local(root))
        found = _LocalWalk(real_root, follow_links).walk(files.local(root), "", (real_root,))
    else:
        found = files.list_remote(root)
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
        version, is_link = files.local_version(found), entry.is_symlink()
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


def _hidden(relative: str) -> bool:
    return any(names.is_hidden(part) for part in relative.split("/"))

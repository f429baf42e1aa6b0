"""Find the files that a manifest names, in the many ways in which people write paths."""

import functools
import os
import posixpath
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.image_example_gen.adapters import source_files
from tfx_contrastive.contract import file_info, files
from tfx_contrastive.contract.errors import DataError, Reason

Rejection = tuple[Reason, str]
_LOOKED_UP = 20  # paths to look up
_LOOKED_AT = 2000  # directories to search for a better root


class ImagePaths:
    """Looks up paths relative to a root: slashes or backslashes, any case, with or without extension."""

    def __init__(self, root: str, follow_links: bool):
        self._root = root
        self._follow_links = follow_links
        self._is_remote = bool(files.scheme_of(root))
        self._remote: Mapping[str, file_info.FileInfo] | None = None
        self._directories: dict[str, dict[str, list[str]]] = {}
        self._local = "" if self._is_remote else os.path.abspath(files.local(root))
        self._real_root = os.path.realpath(self._local)
        self._real_directories: dict[str, str] = {}

    def find(self, named: str, where: str) -> tuple[str, file_info.FileInfo | None, Rejection | None]:
        """Find a file.

        Args:
            named: The path as the table has it.
            where: The place in the table, for error messages.

        Returns:
            The path relative to the root, the file, and the rejection if it can't be read.

        Raises:
            DataError: If several files may be meant.
        """
        rejected = None
        for text in (named, named.replace("\\", "/")) if "\\" in named else (named,):
            relative, info, why = (
                self._find_remote(text, where) if self._is_remote else self._find(text, where)
            )
            if info is not None:
                return relative, info, None
            rejected = rejected or (relative, why)
        assert rejected is not None
        return rejected[0], None, rejected[1]

    def _find(self, named: str, where: str) -> tuple[str, file_info.FileInfo | None, Rejection]:
        root = self._local
        if files.scheme_of(named):
            detail = f"{named} is a URL; download the images, or let data.source.root be the URL above them"
            return named, None, (Reason.OUTSIDE_ROOT, detail)
        path = os.path.normpath(os.path.join(root, named))
        if named.startswith(("file://", "~")) and not os.path.lexists(path):
            path = os.path.normpath(os.path.join(root, os.path.expanduser(named.removeprefix("file://"))))
        if not source_files.is_inside(path, root) and source_files.is_inside(
            os.path.realpath(path), self._real_root
        ):
            path, root = os.path.realpath(path), self._real_root  # the root is named by a link
        if not source_files.is_inside(path, root):
            detail = f"{path} lies outside of {root}; data.source.root says what paths are relative to"
            return named, None, (Reason.OUTSIDE_ROOT, detail)
        info = file_info.stat(path)
        if info is None and not os.path.isdir(path):
            path = os.path.join(os.path.dirname(path), self._similar(path, where))
            info = file_info.stat(path)
        relative = path[len(root) :].lstrip(os.sep).replace(os.sep, "/") or "."
        if not self._follow_links and self._leads_out(path):
            detail = f"{path} is a link that leads out of {root}; data.source.follow_links: true reads it"
            return relative, None, (Reason.OUTSIDE_ROOT, detail)
        if info is not None and os.access(path, os.R_OK):
            return relative, info, (Reason.UNREADABLE, "")
        return relative, None, (Reason.UNREADABLE, _why_not(path, info))

    def _leads_out(self, path: str) -> bool:
        """Return whether a path is, or lies below, a link that leads out of the root."""
        directory, name = os.path.split(path)
        if directory not in self._real_directories:
            self._real_directories[directory] = os.path.realpath(directory)
        real = os.path.join(self._real_directories[directory], name)
        if os.path.islink(path):
            real = os.path.realpath(path)
        return not source_files.is_inside(real, self._real_root)

    def _find_remote(self, named: str, where: str) -> tuple[str, file_info.FileInfo | None, Rejection]:
        if self._remote is None:  # one listing instead of a request for each file
            self._remote = {info.relative: info for info in source_files.walk(self._root)}
            for relative in self._remote:
                _note(self._directories.setdefault(posixpath.dirname(relative), {}), relative)
        relative = posixpath.normpath(named.removeprefix(self._root.rstrip("/") + "/"))
        if files.scheme_of(relative) or relative.startswith(("../", "/")) or relative == "..":
            return named, None, (Reason.OUTSIDE_ROOT, f"{named} lies outside of {self._root}")
        if relative not in self._remote:
            name = self._similar(relative, where)
            relative = posixpath.join(posixpath.dirname(relative), name)
        detail = f"{posixpath.join(self._root, relative)}: there is no such file"
        return relative, self._remote.get(relative), (Reason.UNREADABLE, detail)

    def _similar(self, path: str, where: str) -> str:
        """Return the name of the only file in the directory that can be meant; the name itself if none can.

        Raises:
            DataError: If there are several.
        """
        directory, name = os.path.split(path)
        if directory not in self._directories and not self._is_remote:
            self._directories[directory] = {}
            for entry in _listed(directory):
                _note(self._directories[directory], entry)
        found = self._directories.get(directory, {}).get(_folded(name), [])
        if len(found) > 1:
            raise DataError(
                f"Received {where} with {name}, which may be {' or '.join(found[:3])} in {directory}; "
                "expected one file. Write the whole name, or remove the other file."
            )
        return found[0] if found else name

    def advice(self, named: Iterable[str]) -> str:
        """Return what to write so that the first path is found; empty if that is unknown."""
        paths = [path.replace("\\", "/") for path in named]
        if self._is_remote or not paths:
            return ""
        first, root = paths[0], self._local
        if os.path.isfile(first) and os.path.isabs(first):
            absolute = [os.path.dirname(path) for path in paths if os.path.isabs(path)]
            return f"Write data.source.root: {os.path.commonpath(absolute)}"
        some = paths[:: len(paths) // _LOOKED_UP + 1]
        holding = []
        for directory in _near(root):
            found = sum(_is_there(os.path.join(directory, path)) for path in some)
            if found == len(some):
                return f"Write data.source.root: {os.path.normpath(directory)}"
            holding += [os.path.relpath(directory, root)] if found else []
        if len(holding) == 1:
            return f"Write data.source.root: {os.path.normpath(os.path.join(root, holding[0]))}"
        if holding:
            several = names.listed(sorted(holding))
            return f"They lie in several directories, {several}: write these before the names"
        parts = first.split("/")
        for position in range(1, len(parts)):  # paths of another computer
            if os.path.isfile(os.path.join(root, *parts[position:])):
                beginning = "/".join(parts[:position])
                return f"Below {root} there is {'/'.join(parts[position:])}: take {beginning}/ off the paths"
        return ""


@functools.lru_cache(maxsize=4096)
def _similar_names(directory: str) -> frozenset[str]:
    """Return the folded names in a directory by which `_similar` finds an image."""
    listed = _listed(directory)
    images = [name for name in listed if names.passed_over(name) is None]
    return frozenset(_folded(form) for name in images for form in (name, os.path.splitext(name)[0]))


def _is_there(path: str) -> bool:
    directory, name = os.path.split(path)
    return _folded(name) in _similar_names(directory)


def _near(root: str) -> Iterator[str]:
    """Yield directories that may be the root: those below it, those above it, the current one."""
    below = (directory for directory, _, _ in os.walk(root))
    for _, directory in zip(range(_LOOKED_AT), below, strict=False):
        yield directory
    yield from (os.path.dirname(root), os.path.dirname(os.path.dirname(root)), os.getcwd())


def _listed(directory: str) -> Sequence[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _note(names_of: dict[str, list[str]], path: str) -> None:
    """Make a file known by its name, with and without extension, in any case."""
    name = os.path.basename(path)
    if names.passed_over(name) is None:
        for key in {_folded(name), _folded(os.path.splitext(name)[0])}:
            names_of.setdefault(key, []).append(name)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _why_not(path: str, info: file_info.FileInfo | None) -> str:
    if info is not None:
        return f"{path}: there is no permission to read it"
    if os.path.isdir(path):
        return f"{path} is a directory"
    if os.path.lexists(path):
        return f"{path} is a link that leads nowhere"
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        return f"{path}: there is no such file, nor a directory {directory}"
    return f"{path}: there is no such file{_beside(directory)}"


@functools.lru_cache(maxsize=64)
def _beside(directory: str) -> str:
    """Return some images that a directory holds instead of the missing one, as text."""
    found = [name for name in _listed(directory) if names.is_image_name(name)]
    return f" beside {names.listed(found, 2)}" if found else ""

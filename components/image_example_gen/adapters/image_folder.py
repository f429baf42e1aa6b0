"""Read an image folder: class and split of each image come from its path. Archives hold such folders too."""

import collections
import dataclasses
import functools
import posixpath
from collections.abc import Iterator, Mapping, Sequence

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.image_example_gen.adapters import layout, source_files
from tfx_contrastive.components.image_example_gen.config import ImageFolderSource
from tfx_contrastive.contract import file_info
from tfx_contrastive.contract.errors import DataError, Reason

from ..records import UNSPLIT, Content, EncodedImage, Entry, Listing, count_labels

_SHOWN = 5  # directories without images to name in a warning
_SWITCH = "data.source.follow_links: true reads what it leads to"
# Files that suggest another kind of source.
_OTHER_KINDS = {
    ".zip files": "archive",
    ".tar files": "archive",
    ".tgz files": "archive",
    ".npz files": "npz",
    ".tfrecord files": "tfrecord",
    ".tfrecords files": "tfrecord",
}
_PROBLEMS = {
    "outside": (Reason.OUTSIDE_ROOT, "a path or a link that leads out of the data root"),
    "broken": (Reason.UNREADABLE, "a link that leads nowhere"),
    "special": (Reason.UNREADABLE, "a link or a special file"),
}


@dataclasses.dataclass(frozen=True)
class Tree:
    """An image folder by its paths.

    Attributes:
        infos: Images, and links to nothing, in the order of their paths.
        entries: The same without images that links repeat.
        wrapper: Directories around everything, with a slash after each; empty if there are none.
        passed_over: Kind of file that is no image by its name -> number.
        warnings: Warnings about how the folder was read, one sentence each.
    """

    infos: tuple[file_info.FileInfo, ...]
    entries: tuple[Entry, ...]
    wrapper: str
    passed_over: Mapping[str, int]
    warnings: tuple[str, ...]


def read_tree(infos: Sequence[file_info.FileInfo], what: str, choice: str = "auto") -> Tree:
    """Read an image folder by its paths.

    Args:
        infos: All its files, sorted, with hidden and system files.
        what: Name of the folder for error messages.
        choice: Meaning of the top directories: `auto`, `classes`, `splits` or `groups` of the same
            classes.

    Raises:
        DataError: If no name is that of an image, or the directories can be read in several ways.
    """
    _refuse_directories(infos, what)
    empty = [info.relative for info in infos if info.problem == "empty_directory"]
    num_replaced = sum(info.problem == "replaced" for info in infos)
    infos = [info for info in infos if info.problem not in ("empty_directory", "replaced")]
    kinds = [names.passed_over(info.relative) for info in infos]
    over = names.count_kinds(kinds)
    others = [info.relative for info in infos if names.extension(info.relative) in names.OTHER_EXTENSIONS]
    kept = [info for info, kind in zip(infos, kinds, strict=True) if kind is None]
    linked = {info.real for info in kept if info.is_link and not info.problem}
    num_loops = sum(info.problem == "loop" for info in kept)
    kept = [info for info in kept if info.problem != "loop"]
    num_kept = len(kept)
    kept = [info for info in kept if info.is_link or info.real not in linked]
    for kind, count in (
        ("links that lead back", num_loops),
        ("members that a later one of the same name replaces", num_replaced),
        ("files that a link stands for", num_kept - len(kept)),
    ):
        over |= {kind: count} if count else {}
    if not kept:
        holds = f"no image, only {counted(over)}" if over else "no file"
        readers = [f"kind: {kind} reads {ending}" for ending, kind in _OTHER_KINDS.items() if ending in over]
        raise DataError(
            f"Received {what}, which holds {holds}; expected images in one sub-directory for each class "
            f"(and unlabeled/ for those without a label).{' Of data.source, ' if readers else ''}"
            f"{', '.join(readers)}{'.' if readers else ''}"
        )
    good = [info.relative for info in kept if not info.problem]
    found = layout.read_layout(good, others, choice, what)
    places = dict(zip(good, found.places, strict=True))
    entries = [_entry(info, *places.get(info.relative, (UNSPLIT, None))) for info in kept]
    beside = {
        info.relative: kind[0]
        for info, kind in zip(infos, kinds, strict=True)
        if kind and kind[1] == info.relative
    }
    warnings = [*found.warnings, *_without_images(entries, beside, empty), *_latin_1(kept)]
    wrapper = "".join(f"{part}/" for part in found.wrapper)
    return Tree(tuple(kept), tuple(_once(kept, entries)), wrapper, over, tuple(warnings))


def tree_listing(found: Tree, choice: str) -> Listing:
    """Return the listing of an image folder."""
    rejected = [entry for entry in found.entries if entry.rejected]
    counted_entries = ((entry.split, entry.label) for entry in found.entries if not entry.rejected)
    labels, unlabeled = count_labels(counted_entries)
    return Listing(
        Content(found.infos, (choice,)),
        labels,
        unlabeled,
        found.passed_over,
        found.warnings,
        source_files.unusable(rejected),
    )


def counted(passed_over: Mapping[str, int]) -> str:
    """Return kinds with their numbers as text: `.txt files (3), documents (1)`."""
    return ", ".join(f"{kind} ({count:,})" for kind, count in passed_over.items())


def _refuse_directories(infos: Sequence[file_info.FileInfo], what: str) -> None:
    """Refuse directories that can't be listed, because a class would be lost silently."""
    for problem, text in (
        ("unreadable", "for which there is no permission; grant it, or move it elsewhere"),
        (
            "outside_directory",
            "a link that leads out of the folder; write data.source.follow_links: true to read what it leads "
            "to, or remove the link",
        ),
    ):
        found = [info for info in infos if info.problem == problem]
        if found:
            more = f" (and {len(found) - 1:,} more such directories)" if len(found) > 1 else ""
            raise DataError(f"Received {what} with the directory {found[0].relative}{more}, {text}.")


def _entry(info: file_info.FileInfo, split: str, label: str | None) -> Entry:
    rejected = _PROBLEMS.get(info.problem)
    if info.problem == "outside" and info.is_link:
        rejected = (Reason.OUTSIDE_ROOT, f"a link that leads out of the data root; {_SWITCH}")
    return Entry(info.relative, label, split, info.path, info.size, rejected)


def _once(infos: Sequence[file_info.FileInfo], entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield one entry per file, split and label; links may show one file under several names."""
    seen = set()
    for info, entry in zip(infos, entries, strict=True):
        key = (info.real or info.path, entry.split, entry.label)
        if entry.rejected or key not in seen:
            seen.add(key)
            yield entry


def _without_images(
    entries: Sequence[Entry], beside: Mapping[str, str], empty: Sequence[str]
) -> Iterator[str]:
    """Yield warnings about directories without images: empty ones, and those beside class directories.

    Args:
        entries: The images.
        beside: Path of each other file -> its kind.
        empty: Directories without any file.
    """
    above: set[str] = set()
    siblings = set()
    for directory in {posixpath.dirname(entry.source) for entry in entries}:
        siblings.add(posixpath.dirname(directory))
        while directory and directory not in above:
            above.add(directory)
            directory = posixpath.dirname(directory)

    def highest(directory: str) -> str:
        while (parent := posixpath.dirname(directory)) and parent not in above:
            directory = parent
        return directory

    found = collections.defaultdict(set)
    for path, kind in beside.items():
        directory = posixpath.dirname(path)
        if directory and directory not in above:
            found[highest(directory)].add(kind)
    without = {top: kinds for top, kinds in found.items() if posixpath.dirname(top) in siblings}
    bare = {highest(path) for path in empty if not names.passed_over(f"{path}/image.png")} - set(found)
    told = [
        *(
            f"the directory {top}/ holds no image, only {', '.join(sorted(kinds))}"
            for top, kinds in without.items()
        ),
        *(f"the directory {top}/ is empty" for top in bare),
    ]
    yield from sorted(told)[:_SHOWN]
    if len(told) > _SHOWN:
        yield f"{len(told) - _SHOWN:,} more directories hold no image"


def _latin_1(infos: Sequence[file_info.FileInfo]) -> Iterator[str]:
    odd = [info.relative for info in infos if source_files.readable(info.path) != info.path]
    if odd:
        yield f"names that are not UTF-8 are read as Latin-1, in {len(odd):,} paths: {names.listed(odd, 2)}"


class ImageFolderAdapter:
    """Reads an image folder, local or in an object store."""

    def __init__(self, source: ImageFolderSource, max_file_bytes: int):
        self._source = source
        self._max_file_bytes = max_file_bytes

    def listing(self) -> Listing:
        """List the folder."""
        return tree_listing(self._tree, self._source.layout)

    def chunks(self, staging_dir: str, chunk_images: int) -> list[source_files.FileChunk]:
        """Group the files in the order of their paths."""
        del staging_dir  # files are read in place
        return source_files.file_chunks(self._tree.entries, chunk_images)

    def read(self, chunk: source_files.FileChunk) -> Iterator[EncodedImage]:
        """Read the files of a chunk, one at a time."""
        return (source_files.read_entry(entry, self._max_file_bytes) for entry in chunk.entries)

    @functools.cached_property
    def _tree(self) -> Tree:
        source_files.require_directory(self._source.path, "the image folder")
        infos = list(source_files.walk(self._source.path, self._source.follow_links, with_hidden=True))
        return read_tree(infos, f"the image folder {self._source.path}", self._source.layout)

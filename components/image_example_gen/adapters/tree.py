"""What the paths of an image folder say: class and split. Shared by folders and archives."""

from collections.abc import Iterable, Sequence

from components.image_example_gen import files
from components.image_example_gen.adapters import base
from components.image_example_gen.errors import DataError
from components.image_example_gen.records import UNSPLIT, Entry, Reason

UNLABELLED_NAMES = ("unlabeled", "unlabelled")

_PROBLEMS = {
    "outside": (Reason.OUTSIDE_ROOT, "the path leads out of the data root"),
    "broken": (Reason.UNREADABLE, "the link leads nowhere"),
    "special": (Reason.UNREADABLE, "a link or a special file"),
}


def has_splits(relatives: Iterable[str]) -> bool:
    """Whether the top-level directories are splits rather than classes.

    They are when there is a `train` (or `training`) directory with class directories in it, and every other
    top-level directory is named like a split or `unlabeled`.
    """
    parts = [relative.split("/") for relative in relatives]
    tops = {part[0] for part in parts if len(part) > 1}
    has_classes = any(len(part) > 2 and base.SPLIT_NAMES.get(part[0]) == "train" for part in parts)
    return has_classes and all(top in base.SPLIT_NAMES or top in UNLABELLED_NAMES for top in tops)


def entries(infos: Sequence[files.FileInfo], what: str) -> list[Entry]:
    """Entries of an image folder.

    The first directory under the root (or under the split) names the class; images directly in the root
    and those in `unlabeled/` have no label.

    Args:
        infos: Its files, sorted.
        what: How to call the folder in an error.

    Raises:
        DataError: If there is no file.
    """
    if not infos:
        raise DataError(
            f"Received {what}, which holds no file; expected images in one sub-directory for each class "
            "(and unlabeled/ for those without a label)."
        )
    split_layout = has_splits(info.relative for info in infos)
    return [_entry(info, split_layout) for info in infos]


def _entry(info: files.FileInfo, split_layout: bool) -> Entry:
    parts = info.relative.split("/")
    split = UNSPLIT
    if split_layout and parts[0] in base.SPLIT_NAMES:
        split = base.SPLIT_NAMES[parts[0]]
        parts = parts[1:]
    label = parts[0] if len(parts) > 1 and parts[0] not in UNLABELLED_NAMES else None
    return Entry(info.relative, label, split, info.path, info.size, _PROBLEMS.get(info.problem))


def listing(infos: Sequence[files.FileInfo], found: Sequence[Entry]) -> base.Listing:
    """The listing of an image folder."""
    counted = ((entry.split, entry.label) for entry in found if entry.rejected is None)
    return base.Listing(base.Content(tuple(infos)), *base.count_labels(counted))

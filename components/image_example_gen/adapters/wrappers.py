"""Directories of an image folder that say nothing: around everything, in each split, around the classes."""

from collections.abc import Iterable, Mapping, Sequence

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.image_example_gen.adapters import beside
from tfx_contrastive.contract.examples import TRAIN

Parts = tuple[str, ...]


def without(path: Parts, wrapper: Parts) -> Parts:
    """A path without directories at its beginning, if it has them."""
    return path[len(wrapper) :] if path[: len(wrapper)] == wrapper else path


def without_all(paths: Iterable[Parts], wrapper: Parts) -> list[Parts]:
    """Paths without directories at their beginning."""
    return [without(path, wrapper) for path in paths]


def directories(paths: Iterable[Parts]) -> dict[str, list[Parts]]:
    """First directory -> what is below it; images that lie in no directory are left out."""
    found: dict[str, list[Parts]] = {}
    for path in paths:
        if len(path) > 1:
            found.setdefault(path[0], []).append(path[1:])
    return found


def around(paths: Sequence[Parts], choice: str) -> Parts:
    """Directories around everything: one alone, with directories in it, that is no split and no class.

    Images may lie beside it; in it only where it holds several directories.
    """
    wrapper: list[str] = []
    while True:
        tops = directories(paths)
        if len(tops) != 1:
            return tuple(wrapper)
        name, inside = next(iter(tops.items()))
        is_split = choice in ("auto", "splits") and names.split_of(name) is not None
        below = directories(inside)
        loose = any(len(path) == 1 for path in inside)
        if is_split or names.is_unlabelled(name) or not below or (loose and len(below) == 1):
            return tuple(wrapper)
        wrapper.append(name)
        paths = inside


def around_splits(tops: Mapping[str, Sequence[Parts]], splits: Mapping[str, str]) -> dict[str, Parts]:
    """Directories around everything in each split: `train/images/<class>/…`, `test/images/…`.

    In a split other than `train` a single directory may as well be its only class.
    """
    found = {
        top: around(inside, "classes")
        for top, inside in tops.items()
        if top in splits and directories(inside)
    }
    classes = {
        name
        for top in found
        if splits[top] == TRAIN
        for name in directories(without_all(tops[top], found[top]))
    }
    for top, wrapper in found.items():
        if splits[top] == TRAIN:
            continue
        below = set(directories(without_all(tops[top], wrapper)))
        if wrapper and not below & classes:
            found[top] = ()  # a class with directories in it
        below = set(directories(without_all(tops[top], found[top])))
        if len(below) == 1 and not below & classes and _is_no_class(min(below), top):
            found[top] = (*found[top], *below)  # images without labels
    return found


def without_labelled(paths: Sequence[Parts], splits: Sequence[str]) -> list[Parts]:
    """Takes `labeled/` off where the classes of a split are in it, and nothing but `unlabeled/` beside it."""
    tops: dict[str, set[str]] = {}
    for path, split in zip(paths, splits, strict=True):
        if len(path) > 1:
            tops.setdefault(split, set()).add(path[0])
    only = {
        split: all(_is_labelled(top) or names.is_unlabelled(top) for top in found)
        for split, found in tops.items()
    }
    return [
        path[1:] if len(path) > 2 and _is_labelled(path[0]) and only[split] else path
        for path, split in zip(paths, splits, strict=True)
    ]


def _is_labelled(top: str) -> bool:
    return names.folded(top) in ("labeled", "labelled")


def _is_no_class(name: str, top: str) -> bool:
    """Whether a directory in a split only holds its images: `images/`, or `Test/` in `Test/`."""
    return beside.holds_images(name) or names.split_of(name) is not None or name.casefold() == top.casefold()


def splits_below_classes(paths: Sequence[Parts]) -> dict[str, str] | None:
    """Name -> split where every class holds `train/`, `test/`, … and nothing else."""
    second: set[str] = set()
    for path in paths:
        if len(path) < 3:
            return None
        second.add(path[1])
    found = {name: split for name in second if (split := names.split_of(name))}
    several = len({path[0] for path in paths}) > 1
    return found if several and len(found) == len(second) and TRAIN in found.values() else None

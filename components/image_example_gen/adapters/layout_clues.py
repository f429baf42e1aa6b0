"""Clues to the layout of an image folder: directories that mean nothing, and files beside the images."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence, Set

from tfx_contrastive.components.examples import names
from tfx_contrastive.contract.examples import EVAL, TEST, TRAIN

Parts = tuple[str, ...]


def without(path: Parts, wrapper: Parts) -> Parts:
    """Return a path without the given directories at its beginning, if it has them."""
    return path[len(wrapper) :] if path[: len(wrapper)] == wrapper else path


def without_all(paths: Iterable[Parts], wrapper: Parts) -> list[Parts]:
    """Return paths without the given directories at their beginning."""
    return [without(path, wrapper) for path in paths]


def directories(paths: Iterable[Parts]) -> dict[str, list[Parts]]:
    """Return first directory -> paths below it; images outside of any directory are left out."""
    found: dict[str, list[Parts]] = {}
    for path in paths:
        if len(path) > 1:
            found.setdefault(path[0], []).append(path[1:])
    return found


def around(paths: Sequence[Parts], choice: str) -> Parts:
    """Return the directories that hold everything, from the top down.

    Each of them is the only directory at its place, and is neither a split nor a class. Images may lie beside
    it. Images may lie in it only if it holds several directories.
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
        if is_split or names.is_unlabeled(name) or not below or (loose and len(below) == 1):
            return tuple(wrapper)
        wrapper.append(name)
        paths = inside


def around_splits(tops: Mapping[str, Sequence[Parts]], splits: Mapping[str, str]) -> dict[str, Parts]:
    """Return the directories that hold everything in each split: `images` in `train/images/<class>/…`.

    In a split other than `train`, a single directory may instead be the only class of that split.
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
            found[top] = (*found[top], *below)  # directory of unlabeled images
    return found


def without_labeled(paths: Sequence[Parts], splits: Sequence[str]) -> list[Parts]:
    """Remove `labeled/` where it holds the classes of a split, with only `unlabeled/` beside it."""
    tops: dict[str, set[str]] = {}
    for path, split in zip(paths, splits, strict=True):
        if len(path) > 1:
            tops.setdefault(split, set()).add(path[0])
    only = {
        split: all(_is_labeled(top) or names.is_unlabeled(top) for top in found)
        for split, found in tops.items()
    }
    return [
        path[1:] if len(path) > 2 and _is_labeled(path[0]) and only[split] else path
        for path, split in zip(paths, splits, strict=True)
    ]


def _is_labeled(top: str) -> bool:
    return names.folded(top) in ("labeled", "labelled")


def _is_no_class(name: str, top: str) -> bool:
    """Return whether a directory in a split only holds its images: `images/`, or `Test/` in `Test/`."""
    return holds_images(name) or names.split_of(name) is not None or name.casefold() == top.casefold()


def splits_below_classes(paths: Sequence[Parts]) -> dict[str, str] | None:
    """Return name -> split if every class holds `train/`, `test/`, … and nothing else."""
    second: set[str] = set()
    for path in paths:
        if len(path) < 3:
            return None
        second.add(path[1])
    found = {name: split for name in second if (split := names.split_of(name))}
    several = len({path[0] for path in paths}) > 1
    return found if several and len(found) == len(second) and TRAIN in found.values() else None


_IMAGES = names.words("images image imgs img jpegimages photos pictures frames inputs")
_PARTS = names.words(
    "masks mask labels label annotations annotation annots gt groundtruth segmentation segmentations "
    "segmentationclass segmentationobject segmentationmasks targets heatmaps depth"
)
_BESIDE_EACH = (
    (".cls", "labels of a WebDataset"),
    (".txt", "YOLO"),
    (".xml", "Pascal VOC"),
    (".json", "one file per image"),
)
_PART_OF_AN_IMAGE = re.compile(
    r"(?P<image>.+)[-_ .](masks?|seg(mentation)?|gt|ground_?truth|labels?|thumb(nail)?|depth)"
    r"([-_]\d+)?(\.\w+)?",
    re.IGNORECASE,
)
_COCO = ("instances_", "captions_", "person_keypoints_", "_annotations", "annotations.json", "coco")
_TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".ods", ".parquet", ".jsonl")


def holds_images(directory: str) -> bool:
    """Return whether a directory's name only says that it holds images."""
    return names.folded(directory) in _IMAGES


def parts_of_a_set(tops: Set[str], others: Iterable[str]) -> str:
    """Describe directories such as `images/` beside `masks/`; empty if they are not of that kind."""
    folded = {names.folded(top) for top in tops}
    folded_others = {names.folded(other.split("/")[0]) for other in others if "/" in other}
    beside = (folded | folded_others) & _PARTS
    if folded & _IMAGES and beside and folded <= _IMAGES | _PARTS:
        return "images beside masks or annotations, which are no classes"
    return ""


def annotations(paths: Sequence[tuple[str, ...]], others: Sequence[str]) -> str:
    """Return a sentence on annotation files of the images (YOLO, Pascal VOC, …); empty if there are none."""
    stems = {os.path.splitext(path[-1])[0] for path in paths}
    for ending, layout in _BESIDE_EACH:
        found = {
            os.path.splitext(other)[0].rpartition("/")[2]: other for other in others if other.endswith(ending)
        }
        if stems and len(stems & set(found)) * 2 >= len(stems):
            example = found[min(stems & set(found))]
            return f"Beside the images lie {ending} files of the same names ({layout}), such as {example}. "
    for other in others:
        name = other.rpartition("/")[2].lower()
        if name.endswith(".json") and (
            name.startswith(_COCO) or "annotations" in other.lower().split("/")[:-1]
        ):
            return f"Beside the images lies {other}, a file of annotations as COCO has them. "
    return ""


def parts_of_images(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """Return images named like a mask or thumbnail of another one: `a_mask.png` beside `a.png`."""
    called = [(path, match) for path in paths if (match := _PART_OF_AN_IMAGE.fullmatch(path[-1]))]
    if not called:
        return []
    stems = {(*path[:-1], os.path.splitext(path[-1])[0]) for path in paths}
    return ["/".join(path) for path, match in called if (*path[:-1], match["image"]) in stems]


def split_lists(others: Iterable[str]) -> list[str]:
    """Return files beside the images that are named like splits: `train.txt`, `meta/test.json`."""
    found = {}
    for other in others:
        stem, ending = os.path.splitext(other.rpartition("/")[2])
        if ending.lower() in (*_TABLES, ".txt", ".lst", ".json"):
            found[other] = names.split_in_file_name(stem)
    return sorted(filter(found.get, found)) if {TEST, EVAL} & set(found.values()) else []


def table(others: Iterable[str]) -> str:
    """Return a sentence on a table that may hold the labels; empty if there is none."""
    found = sorted((other for other in others if other.lower().endswith(_TABLES)), key=lambda o: o.count("/"))
    return f"Beside the images lies {found[0]}, which is not read. " if found else ""

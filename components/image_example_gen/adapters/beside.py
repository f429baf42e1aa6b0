"""What lies beside images and would be missed: files of annotations, masks, tables of labels."""

import os
import re
from collections.abc import Iterable, Sequence, Set

from tfx_contrastive.components.examples import names
from tfx_contrastive.contract.examples import EVAL, TEST

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
    """Whether a directory's name only says that images are in it."""
    return names.folded(directory) in _IMAGES


def parts_of_a_set(tops: Set[str], others: Iterable[str]) -> str:
    """What the directories hold, if they are `images/` beside `masks/` and so on; else empty."""
    folded = {names.folded(top) for top in tops}
    folded_others = {names.folded(other.split("/")[0]) for other in others if "/" in other}
    beside = (folded | folded_others) & _PARTS
    if folded & _IMAGES and beside and folded <= _IMAGES | _PARTS:
        return "images beside masks or annotations, which are no classes"
    return ""


def annotations(paths: Sequence[tuple[str, ...]], others: Sequence[str]) -> str:
    """A sentence on annotation files that belong to the images (YOLO, Pascal VOC, …); empty without."""
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
    """Images called like a mask or thumbnail of the one beside them: `a_mask.png` beside `a.png`."""
    called = [(path, match) for path in paths if (match := _PART_OF_AN_IMAGE.fullmatch(path[-1]))]
    if not called:
        return []
    stems = {(*path[:-1], os.path.splitext(path[-1])[0]) for path in paths}
    return ["/".join(path) for path, match in called if (*path[:-1], match["image"]) in stems]


def split_lists(others: Iterable[str]) -> list[str]:
    """Files beside the images that are called like splits: `train.txt`, `meta/test.json`."""
    found = {}
    for other in others:
        stem, ending = os.path.splitext(other.rpartition("/")[2])
        if ending.lower() in (*_TABLES, ".txt", ".lst", ".json"):
            found[other] = names.split_in_file_name(stem)
    return sorted(filter(found.get, found)) if {TEST, EVAL} & set(found.values()) else []


def table(others: Iterable[str]) -> str:
    """A sentence on a table that may hold the labels; empty without one."""
    found = sorted((other for other in others if other.lower().endswith(_TABLES)), key=lambda o: o.count("/"))
    return f"Beside the images lies {found[0]}, which is not read. " if found else ""

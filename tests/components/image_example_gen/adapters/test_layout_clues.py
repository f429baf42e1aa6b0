"""Clues in paths: wrappers, splits below classes, annotations, masks, tables."""

import pytest

from tfx_contrastive.components.image_example_gen.adapters import layout_clues
from tfx_contrastive.components.image_example_gen.adapters.layout_clues import Parts


def parts(*paths: str) -> list[Parts]:
    return [tuple(path.split("/")) for path in paths]


@pytest.mark.parametrize(
    ("paths", "choice", "wrapper"),
    [
        (["a/1.png", "b/1.png"], "auto", ()),
        (["set/a/1.png", "set/b/1.png"], "auto", ("set",)),
        (["x/y/a/1.png", "x/y/b/1.png"], "auto", ("x", "y")),
        (["set/a/1.png", "loose.png"], "auto", ("set",)),
        (["a/1.png"], "auto", ()),  # a single class
        (["a/left/1.png", "a/2.png"], "auto", ()),  # a class with a directory in it
        (["train/a/1.png", "train/b/1.png"], "auto", ()),  # a split
        (["train/a/1.png", "train/b/1.png"], "classes", ("train",)),
        (["unlabeled/a/1.png"], "auto", ()),
        (["1.png"], "auto", ()),
        ([], "auto", ()),
    ],
)
def test_directories_around_everything(paths: list[str], choice: str, wrapper: Parts) -> None:
    assert layout_clues.around(parts(*paths), choice) == wrapper


def test_directories_around_everything_in_each_split() -> None:
    tops = layout_clues.directories(
        parts("train/images/a/1.png", "train/images/b/1.png", "test/images/a/1.png", "val/images/1.png")
    )
    splits = {"train": "train", "test": "test", "val": "eval"}
    assert layout_clues.around_splits(tops, splits) == {
        "train": ("images",),
        "test": ("images",),
        "val": ("images",),  # images without labels
    }


def test_a_single_directory_in_test_may_be_a_class() -> None:
    tops = layout_clues.directories(parts("train/a/1.png", "train/b/1.png", "test/a/1.png"))
    found = layout_clues.around_splits(tops, {"train": "train", "test": "test"})
    assert found == {"train": (), "test": ()}


@pytest.mark.parametrize(
    ("paths", "splits"),
    [
        (["a/train/1.png", "a/test/1.png", "b/train/1.png"], {"train": "train", "test": "test"}),
        (["a/train/1.png", "a/2.png", "b/train/1.png"], None),
        (["a/train/1.png", "a/other/1.png", "b/train/1.png"], None),
        (["a/test/1.png", "b/test/1.png"], None),  # nothing to train on
        (["a/train/1.png", "a/test/1.png"], None),  # a single class
    ],
)
def test_splits_below_classes(paths: list[str], splits: dict[str, str] | None) -> None:
    assert layout_clues.splits_below_classes(parts(*paths)) == splits


def test_the_directory_labeled_means_nothing_beside_unlabeled() -> None:
    paths = parts("labeled/a/1.png", "labeled/b/1.png", "unlabeled/1.png")
    assert layout_clues.without_labeled(paths, ["", "", ""]) == parts("a/1.png", "b/1.png", "unlabeled/1.png")
    mixed = parts("labeled/a/1.png", "c/1.png")
    assert layout_clues.without_labeled(mixed, ["", ""]) == mixed


@pytest.mark.parametrize(
    ("paths", "others", "told"),
    [
        (["1.jpg", "2.jpg"], ["1.txt", "2.txt"], r"\.txt files of the same names \(YOLO\), such as 1\.txt"),
        (["a/1.jpg"], ["labels/1.xml"], r"\(Pascal VOC\), such as labels/1\.xml"),
        (["1.jpg"], ["1.json"], r"\(one file per image\)"),
        (["1.jpg", "2.jpg"], ["1.cls", "2.cls"], "labels of a WebDataset"),
        (["1.jpg"], ["annotations/instances_val.json"], "a file of annotations as COCO has them"),
        (["1.jpg", "2.jpg", "3.jpg"], ["1.txt"], "^$"),  # of too few images
        (["1.jpg"], ["notes.txt"], "^$"),
    ],
)
def test_annotations_beside_images(paths: list[str], others: list[str], told: str) -> None:
    import re

    assert re.search(told, layout_clues.annotations(parts(*paths), others))


@pytest.mark.parametrize(
    ("tops", "others", "is_set"),
    [
        ({"images", "masks"}, [], True),
        ({"JPEGImages"}, ["Annotations/1.xml"], True),
        ({"images", "masks", "cat"}, [], False),
        ({"images"}, [], False),
        ({"cat", "dog"}, ["labels/1.txt"], False),
    ],
)
def test_images_beside_masks(tops: set[str], others: list[str], is_set: bool) -> None:
    assert bool(layout_clues.parts_of_a_set(tops, others)) is is_set


def test_masks_and_thumbnails_of_images() -> None:
    paths = parts("a.png", "a_mask.png", "b/c.jpg", "b/c-seg-1.png", "d_mask.png", "e_thumb.jpg")
    assert layout_clues.parts_of_images(paths) == ["a_mask.png", "b/c-seg-1.png"]


def test_lists_of_splits_and_tables_of_labels() -> None:
    others = ["train.txt", "meta/test.json", "notes.txt", "b/labels.csv", "labels.tsv"]
    assert layout_clues.split_lists(others) == ["meta/test.json", "train.txt"]
    assert layout_clues.split_lists(["train.txt"]) == []  # nothing says what is test
    assert layout_clues.table(others) == "Beside the images lies labels.tsv, which is not read. "
    assert layout_clues.table(["a.txt"]) == ""

"""Warnings about the layout of an image folder: directories and files that may be meant otherwise."""

import pathlib
import zipfile

from tests.components.image_example_gen.adapters.test_layouts import PAIR, both_kinds, files_of, put, splits
from tfx_contrastive.components.image_example_gen import (
    IngestConfig,
    inspect_source,
)


@both_kinds
def test_directories_without_images_are_told(tmp_path: pathlib.Path, kind: str) -> None:
    source = put(tmp_path, kind, [*splits("train", "val"), "train/bird/notes.txt", "train/bird/.hidden"])
    empty = ["train/fish", "test/cat", "test/dog", "__MACOSX", ".git/x"]
    if kind == "image_folder":
        for name in empty:
            (tmp_path / "data" / name).mkdir(parents=True)
    else:
        with zipfile.ZipFile(source["path"], "a") as archive:
            for name in ("", "train/", "train/cat/", *(f"{name}/" for name in empty)):
                archive.writestr(name or "./", b"")
    found = inspect_source(IngestConfig(source=source))
    assert found.labels == {"train": PAIR, "eval": PAIR}
    assert found.warnings == [
        "the directory test/ is empty",
        "the directory train/bird/ holds no image, only .txt files, hidden files",
        "the directory train/fish/ is empty",
    ]


@both_kinds
def test_classes_of_several_directories_are_told(tmp_path: pathlib.Path, kind: str) -> None:
    paths = files_of("pets/cat", "pets/dog", "cars/van", "cars/bus")
    found = inspect_source(IngestConfig(source=put(tmp_path, kind, paths)))
    assert found.labels == {"": {"pets": 4, "cars": 4}}
    assert [text.partition(",")[0] for text in found.warnings] == ["the classes are cars/"]
    assert "cars/bus/, cars/van/, pets/cat/, pets/dog/, count for them" in found.warnings[0]


def test_a_split_under_two_names_and_a_class_called_like_a_split_are_told(tmp_path: pathlib.Path) -> None:
    paths = [*splits("train", "val"), *files_of("valid/cat", "valid/dog")]
    found = inspect_source(IngestConfig(source=put(tmp_path / "a", "image_folder", paths)))
    assert found.labels["eval"] == {"cat": 4, "dog": 4}
    assert found.warnings == ["val/, valid/ are read as one split, eval"]
    source = put(tmp_path / "b", "image_folder", files_of("train", "plane"))
    assert "train/ is read as a class, as it stands beside plane/" in str(
        inspect_source(IngestConfig(source=source)).warnings
    )


def test_masks_beside_their_images_are_told(tmp_path: pathlib.Path) -> None:
    images = [f"{c}/{c} ({i}).png" for c in ("benign", "malignant") for i in range(2)]
    masks = [path.replace(".png", ending) for path in images for ending in ("_mask.png", "_mask_1.png")]
    others = ["benign/a_mask.png", "benign/face mask.png"]
    found = inspect_source(IngestConfig(source=put(tmp_path, "image_folder", [*images, *masks, *others])))
    assert found.num_images == 14
    (told,) = found.warnings
    assert told.startswith(
        "8 files are called like masks or thumbnails of the images beside them, such as ben"
    )


def test_lists_of_splits_beside_classes_are_told(tmp_path: pathlib.Path) -> None:
    paths = files_of("food/images/cat", "food/images/dog")
    lists = ["food/meta/train.txt", "food/meta/test.json", "food/meta/classes.txt"]
    found = inspect_source(IngestConfig(source=put(tmp_path / "a", "image_folder", [*paths, *lists])))
    assert found.labels == {"": PAIR}
    assert found.warnings == [
        "food/meta/test.json, food/meta/train.txt may tell which images are of train and test, and are not "
        "read: kind: csv_manifest reads splits from a column split"
    ]
    splits_and_lists = [*splits("train", "test"), "train.txt", "test.txt"]
    found = inspect_source(IngestConfig(source=put(tmp_path / "b", "image_folder", splits_and_lists)))
    assert found.warnings == []


def test_a_table_beside_images_without_labels_is_told(tmp_path: pathlib.Path) -> None:
    source = put(tmp_path, "image_folder", ["0.png", "1.png", "labels.csv"])
    found = inspect_source(IngestConfig(source=source))
    assert (found.has_labels, found.num_images) == (False, 2)
    assert "labels.csv, which is not read" in found.warnings[0]

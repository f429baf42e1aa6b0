"""What the directories of folders and archives mean: each layout as a folder and as a zip."""

import pathlib
import zipfile
from typing import Any

import pytest

from tests.components.image_example_gen.support import encoded, picture, write
from tfx_contrastive.components.examples import names
from tfx_contrastive.components.image_example_gen import DataError, IngestConfig, inspect_source
from tfx_contrastive.components.image_example_gen.inspection import require_enough_labels

PAIR = {"cat": 2, "dog": 2}


def files_of(*directories: Any, count: Any = 2) -> Any:
    """Paths of images in these directories."""
    return [f"{directory}/{i}.png" for directory in directories for i in range(count)]


def splits(train: Any, test: Any, inside: Any = ("cat", "dog")) -> Any:
    return files_of(*(f"{top}/{name}" for top in (train, test) for name in inside))


def put(root: Any, kind: str, paths: Any) -> Any:
    """Writes files, every picture another one; returns the configured source."""
    contents = {
        path: encoded(picture(i)) if names.passed_over(path) is None else b"text"
        for i, path in enumerate(paths)
    }
    if kind == "image_folder":
        for path, data in contents.items():
            write(root / "data" / path, data)
        return {"kind": kind, "path": str(root / "data")}
    with zipfile.ZipFile(root / "data.zip", "w") as archive:
        for path, data in contents.items():
            archive.writestr(path, data)
    return {"kind": kind, "path": str(root / "data.zip")}


both_kinds = pytest.mark.parametrize("kind", ["image_folder", "archive"])

READ = {
    "Training": (splits("Training", "Testing"), {"train": PAIR, "test": PAIR}),
    "Train": (splits("Train", "Test"), {"train": PAIR, "test": PAIR}),
    "training_set": (splits("training_set", "test_set"), {"train": PAIR, "test": PAIR}),
    "blanks": (splits("Training Set", "Test Set"), {"train": PAIR, "test": PAIR}),
    "dev": (splits("TRN", "dev"), {"train": PAIR, "eval": PAIR}),
    "holdout": (splits("train", "hold-out"), {"train": PAIR, "test": PAIR}),
    "trainval": (splits("trainval", "test"), {"train": PAIR, "test": PAIR}),
    "years": (splits("train2017", "val2017"), {"train": PAIR, "eval": PAIR}),
    "seg_train": (splits("seg_train/seg_train", "seg_test/seg_test"), {"train": PAIR, "test": PAIR}),
    "counted": (splits("1. Train", "2. Test"), {"train": PAIR, "test": PAIR}),
    "counted by letters": (splits("A_train_set", "B_test"), {"train": PAIR, "test": PAIR}),
    "test as a flat copy of its name": (
        [*files_of("x_train/x_train/cat", "x_train/x_train/dog"), *files_of("x_test/x_test")],
        {"train": PAIR},
    ),
    "labeled beside unlabeled": (files_of("Labeled/cat", "Labeled/dog", "Unlabeled"), {"": PAIR}),
    "labeled in a split": (
        [
            *files_of("train/labeled/cat", "train/labeled/dog", "train/unlabeled"),
            *files_of("val/cat", "val/dog"),
        ],
        {"train": PAIR, "eval": PAIR},
    ),
    "a class labeled": (files_of("labeled", "blank"), {"": {"labeled": 2, "blank": 2}}),
    "no labels": (files_of("cat", "dog", "Unlabelled Images", "no_label"), {"": PAIR}),
    "streams of Windows": (
        [*files_of("cat", "dog"), *(f"{name}:Zone.Identifier" for name in files_of("cat", "dog"))],
        {"": PAIR},
    ),
    "images above": (splits("images/train", "images/valid"), {"train": PAIR, "eval": PAIR}),
    "images below": (splits("train/images", "test/images"), {"train": PAIR, "test": PAIR}),
    "one split in a zip": (files_of("train/cat", "train/dog"), {"train": PAIR}),
    "below classes": (splits("cat", "dog", ("train", "test")), {"train": PAIR, "test": PAIR}),
    "one class in test": (
        [*splits("train", "val"), *files_of("test/cat/2020")],
        {"train": PAIR, "eval": PAIR, "test": {"cat": 2}},
    ),
    "own directories in each split": (
        splits("training/training", "validation/validation"),
        {"train": PAIR, "eval": PAIR},
    ),
    "no classes in test": (
        [*files_of("Final_Training/Images/1", "Final_Training/Images/2", "Final_Test/Images"), "a.csv"],
        {"train": {"1": 2, "2": 2}},
    ),
    "images in each class and split": (
        files_of("train/n1/images", "train/n2/images", "val/images", "test/images"),
        {"train": {"n1": 2, "n2": 2}},
    ),
    "wrappers": (
        ["README.md", "a/LICENSE", "a/b/c/Thumbs.db", *files_of("a/b/c/cat", "a/b/c/dog")],
        {"": PAIR},
    ),
    "loose image": (["preview.png", *files_of("set/cat", "set/dog")], {"": PAIR}),
    "deep classes": (files_of("cat/2020/1", "dog/old"), {"": PAIR}),
    "images in each class": (files_of("cat/images", "dog/images"), {"": PAIR}),
    "a class train": (files_of("train", "plane"), {"": {"train": 2, "plane": 2}}),
    "a class test": (files_of("test", "cat", "dog"), {"": PAIR | {"test": 2}}),
    "dots": (files_of("v1.2", "v1.3"), {"": {"v1.2": 2, "v1.3": 2}}),
    "annotated classes": (
        [*files_of("images/cat", "images/dog"), "annotations/cat/0.xml"],
        {"": PAIR},
    ),
    "system folders": (
        [
            *files_of("cat", "dog", "@eaDir/cat", "#recycle", "$RECYCLE.BIN", "lost+found", "__MACOSX/cat"),
            *files_of("System Volume Information", ".ipynb_checkpoints"),
        ],
        {"": PAIR},
    ),
}


@both_kinds
@pytest.mark.parametrize("name", READ)
def test_read(tmp_path: pathlib.Path, kind: str, name: str) -> None:
    paths, labels = READ[name]
    assert inspect_source(IngestConfig(source=put(tmp_path, kind, paths))).labels == labels


STOPPED = {
    "images and a table": (
        [*files_of("images"), "labels.csv"],
        r"one class directory only, images/\. Beside the images lies labels.csv, which is not read. Write",
    ),
    "WebDataset": (
        [f"{i:03d}.{ending}" for i in range(4) for ending in ("jpg", "cls", "json")],
        r"Beside the images lie .cls files of the same names \(labels of a WebDataset\), such as 000.cls",
    ),
    "splits in German": (
        splits("Trainingsdaten", "Testdaten"),
        "If they are splits, call them train/, eval/",
    ),
    "sites": (
        files_of("siteA/cat", "siteA/dog", "siteB/cat", "siteB/dog", "siteB/ant"),
        r"siteA/, siteB/ all hold the same ones, cat/, dog/; .*layout: groups if cat/, dog/ are the",
    ),
    "folds": (files_of(*(f"fold{i}/{c}" for i in range(1, 6) for c in "ab")), "fold1/, .*layout: groups"),
    "sites in splits": (
        files_of(*(f"{s}/{g}/{c}" for s in ("train", "test") for g in ("A", "B") for c in ("cat", "dog"))),
        "A/, B/ all hold the same",
    ),
    "masks": (splits("images", "masks"), "images/, masks/"),
    "flat masks": (files_of("images", "masks"), "images/, masks/: images beside masks"),
    "VOC": (
        [*files_of("JPEGImages", "SegmentationClass"), "Annotations/0.xml"],
        "JPEGImages/, SegmentationClass/: images beside masks .*CSV manifest",
    ),
    "YOLO": ([*files_of("images"), "labels/0.txt", "labels/1.txt"], "images/: .*CSV manifest"),
    "YOLO in splits": (
        [*files_of("images/train", "images/val"), *(f"labels/train/{i}.txt" for i in range(2))],
        r"Beside the images lie .txt files of the same names \(YOLO\), .*kind: csv_manifest",
    ),
    "YOLO below splits": (
        [*files_of("train/images", "valid/images"), *(f"train/labels/{i}.txt" for i in range(2))],
        "YOLO.*CSV manifest",
    ),
    "COCO": (
        [*files_of("train2017", "val2017"), "annotations/instances_train2017.json"],
        "annotations/instances_train2017.json, a file of annotations as COCO",
    ),
    "flat splits": (
        [*files_of("train", "test"), "train.csv"],
        "test/, train/, named like splits, whose images lie in no class .*train.csv.*layout: splits if",
    ),
    "flat test1": (files_of("train", "test1"), "test1/, train/, named like splits, whose images lie in no"),
    "two domains": (
        files_of("trainA", "trainB", "testA", "testB"),
        "testA/, .*, named like splits, whose im",
    ),
    "no train": (splits("val", "test"), "with test/, val/, but without train/; .*layout: groups to learn"),
    "something beside splits": (
        [*splits("train", "test"), *files_of("misc/cat")],
        "test/, train/, named like splits, beside misc/; expected splits only.*layout: classes",
    ),
    "a copy beside splits": (
        [*splits("train", "test"), *splits("xray/train", "xray/test")],
        "test/, train/, named like splits, beside xray/; .*Move xray/ elsewhere",
    ),
    "an archive in a folder": (["data.zip"], "only .zip files .1.; .*kind: archive reads .zip files"),
    "no image": (["cat/0.npy", "dog/1.npy"], r"holds no image, only .npy files \(2\)"),
}


@both_kinds
@pytest.mark.parametrize("name", STOPPED)
def test_stopped_with_what_to_write(tmp_path: pathlib.Path, kind: str, name: str) -> None:
    paths, text = STOPPED[name]
    with pytest.raises(DataError, match=text):
        inspect_source(IngestConfig(source=put(tmp_path, kind, paths)))


CHOSEN = {
    "classes": (splits("train", "test"), {"": {"train": 4, "test": 4}}, {}),
    "flat classes": (files_of("train", "test"), {"": {"train": 2, "test": 2}}, {}),
    "groups": (files_of("a/cat", "a/dog", "b/cat", "b/dog"), {"": {"cat": 4, "dog": 4}}, {}),
    "splits": (files_of("train", "test"), {}, {"train": 2, "test": 2}),
}


@both_kinds
@pytest.mark.parametrize("name", CHOSEN)
def test_the_configuration_decides(tmp_path: pathlib.Path, kind: str, name: str) -> None:
    paths, labels, unlabeled = CHOSEN[name]
    source = put(tmp_path, kind, paths) | {"layout": name.split()[-1]}
    found = inspect_source(IngestConfig(source=source))
    assert (found.labels, found.unlabeled) == (labels, unlabeled)


def test_a_class_spelt_otherwise_in_test(tmp_path: pathlib.Path) -> None:
    paths = [*files_of("train/cat", "train/dog"), *files_of("test/Cat", "test/dog")]
    found = inspect_source(IngestConfig(source=put(tmp_path, "image_folder", paths)))
    with pytest.raises(
        DataError, match="none in train: 'Cat'; .* The classes 'Cat' and 'cat' differ only in case"
    ):
        require_enough_labels(found)


def test_splits_that_are_none(tmp_path: pathlib.Path) -> None:
    source = put(tmp_path, "image_folder", files_of("cat", "train")) | {"layout": "splits"}
    with pytest.raises(
        DataError, match=r"layout: splits\), with the directories cat/, train/; expected train/"
    ):
        inspect_source(IngestConfig(source=source))


@both_kinds
def test_what_is_passed_over_is_counted_by_kind(tmp_path: pathlib.Path, kind: str) -> None:
    paths = [*files_of("cat", "dog"), "README", "cat/notes.txt", "cat/Thumbs.db", "dog/._0.png"]
    paths += ["desktop.ini", "@eaDir/cat/0.png", "@eaDir/dog/1.png", "empty/list.json", ".hidden/x.png"]
    found = inspect_source(IngestConfig(source=put(tmp_path, kind, paths)))
    assert found.labels == {"": PAIR}
    assert found.passed_over == {
        "documents": 1,
        ".txt files": 1,
        ".json files": 1,
        "system files": 3,
        "system folders": 1,
        "hidden files": 1,
    }
    assert found.warnings == ["the directory empty/ holds no image, only .json files"]


def test_a_zip_with_backslashes(tmp_path: pathlib.Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for i, path in enumerate(files_of("cat", "dog")):
            archive.writestr(path.replace("/", "\\"), encoded(picture(i)))
    source = {"kind": "archive", "path": str(tmp_path / "data.zip")}
    assert inspect_source(IngestConfig(source=source)).labels == {"": PAIR}

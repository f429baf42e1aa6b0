"""What the directories of folders and archives mean: each layout as a folder and as a zip."""

import zipfile

import pytest

from tests.components.image_example_gen.support import encoded, picture, write
from tfx_contrastive.components.examples import names
from tfx_contrastive.components.image_example_gen import (
    DataError,
    IngestConfig,
    inspect_source,
    require_enough_labels,
)

PAIR = {"cat": 2, "dog": 2}


def files_of(*directories, count=2):
    """Paths of images in these directories."""
    return [f"{directory}/{i}.png" for directory in directories for i in range(count)]


def splits(train, test, inside=("cat", "dog")):
    return files_of(*(f"{top}/{name}" for top in (train, test) for name in inside))


def put(root, kind, paths):
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
def test_read(tmp_path, kind, name):
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
def test_stopped_with_what_to_write(tmp_path, kind, name):
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
def test_the_configuration_decides(tmp_path, kind, name):
    paths, labels, unlabelled = CHOSEN[name]
    source = put(tmp_path, kind, paths) | {"layout": name.split()[-1]}
    found = inspect_source(IngestConfig(source=source))
    assert (found.labels, found.unlabelled) == (labels, unlabelled)


def test_a_class_spelt_otherwise_in_test(tmp_path):
    paths = [*files_of("train/cat", "train/dog"), *files_of("test/Cat", "test/dog")]
    found = inspect_source(IngestConfig(source=put(tmp_path, "image_folder", paths)))
    with pytest.raises(
        DataError, match="none in train: 'Cat'; .* The classes 'Cat' and 'cat' differ only in case"
    ):
        require_enough_labels(found)


def test_splits_that_are_none(tmp_path):
    source = put(tmp_path, "image_folder", files_of("cat", "train")) | {"layout": "splits"}
    with pytest.raises(
        DataError, match=r"layout: splits\), with the directories cat/, train/; expected train/"
    ):
        inspect_source(IngestConfig(source=source))


@both_kinds
def test_what_is_passed_over_is_counted_by_kind(tmp_path, kind):
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


@both_kinds
def test_directories_without_images_are_told(tmp_path, kind):
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
def test_classes_of_several_directories_are_told(tmp_path, kind):
    paths = files_of("pets/cat", "pets/dog", "cars/van", "cars/bus")
    found = inspect_source(IngestConfig(source=put(tmp_path, kind, paths)))
    assert found.labels == {"": {"pets": 4, "cars": 4}}
    assert [text.partition(",")[0] for text in found.warnings] == ["the classes are cars/"]
    assert "cars/bus/, cars/van/, pets/cat/, pets/dog/, count for them" in found.warnings[0]


def test_a_split_under_two_names_and_a_class_called_like_a_split_are_told(tmp_path):
    paths = [*splits("train", "val"), *files_of("valid/cat", "valid/dog")]
    found = inspect_source(IngestConfig(source=put(tmp_path / "a", "image_folder", paths)))
    assert found.labels["eval"] == {"cat": 4, "dog": 4}
    assert found.warnings == ["val/, valid/ are read as one split, eval"]
    source = put(tmp_path / "b", "image_folder", files_of("train", "plane"))
    assert "train/ is read as a class, as it stands beside plane/" in str(
        inspect_source(IngestConfig(source=source)).warnings
    )


def test_masks_beside_their_images_are_told(tmp_path):
    images = [f"{c}/{c} ({i}).png" for c in ("benign", "malignant") for i in range(2)]
    masks = [path.replace(".png", ending) for path in images for ending in ("_mask.png", "_mask_1.png")]
    others = ["benign/a_mask.png", "benign/face mask.png"]
    found = inspect_source(IngestConfig(source=put(tmp_path, "image_folder", [*images, *masks, *others])))
    assert found.num_images == 14
    (told,) = found.warnings
    assert told.startswith(
        "8 files are called like masks or thumbnails of the images beside them, such as ben"
    )


def test_lists_of_splits_beside_classes_are_told(tmp_path):
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


def test_a_table_beside_images_without_labels_is_told(tmp_path):
    source = put(tmp_path, "image_folder", ["0.png", "1.png", "labels.csv"])
    found = inspect_source(IngestConfig(source=source))
    assert (found.has_labels, found.num_images) == (False, 2)
    assert "labels.csv, which is not read" in found.warnings[0]


def test_a_zip_with_backslashes(tmp_path):
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for i, path in enumerate(files_of("cat", "dog")):
            archive.writestr(path.replace("/", "\\"), encoded(picture(i)))
    source = {"kind": "archive", "path": str(tmp_path / "data.zip")}
    assert inspect_source(IngestConfig(source=source)).labels == {"": PAIR}


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        (["Cat", "cat "], "'Cat' and 'cat ' differ only in case, blanks"),
        (["caf\u00e9", "cafe\u0301"], r"'cafe\u0301' and 'caf\xe9' differ only in Unicode form"),
        (["3", "3.0"], "'3' and '3.0' differ only in the way of writing a number"),
        (["nan", "boot"], "the class 'nan' looks like a missing label, but counts as a class"),
        (["nan", "None", "boot"], "the classes 'None', 'nan' look like a missing label each"),
        (["boot|bag", "boot"], "the class 'boot|bag' looks like several labels in one"),
        (["['boot', 'bag']", "boot"], "looks like several labels in one"),
        (["boot;bag", "bag;hat"], "the classes 'bag;hat', 'boot;bag' look like several labels in one each"),
        (["0.25", "0.5", "1"], "the classes '0.25', '0.5' look like a figure, such as a score each"),
        (["boot\x01", "bag\x02"], r"the classes 'bag\x02', 'boot\x01' look like broken text each"),
    ],
)
def test_look_alike_class_names(tmp_path, classes, text):
    source = put(tmp_path, "image_folder", files_of(*classes))
    found = inspect_source(IngestConfig(source=source))
    assert found.class_names == tuple(sorted(classes))
    assert [text in warning for warning in found.warnings] == [True]


@pytest.mark.parametrize(
    "classes",
    [
        ["T-shirt, top", "Trouser, long"],
        ["4611686018427387904", "4611686018427387905"],
        ["v1.2", "v1.3"],
        ["1", "2"],
    ],
)
def test_names_that_are_fine(tmp_path, classes):
    source = put(tmp_path, "image_folder", files_of(*classes))
    assert inspect_source(IngestConfig(source=source)).warnings == []


def test_a_class_of_two_lines_is_refused_before_a_run(tmp_path):
    """The vocabulary of Transform has a line for each class."""
    source = put(tmp_path, "image_folder", files_of("boot\nleft", "bag"))
    with pytest.raises(DataError, match=r"the class 'boot\\nleft', whose name holds a line break"):
        inspect_source(IngestConfig(source=source))

"""Usual names of splits, images and other files."""

import pytest

from tfx_contrastive.components.examples import names


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("Training Set", "train"),
        ("trainval", "train"),
        ("train2017", "train"),
        ("Split-train", "train"),
        ("images-train", "train"),
        ("val", "eval"),
        ("VALIDATION", "eval"),
        ("dev", "eval"),
        ("val2017", "eval"),
        ("test_set", "test"),
        ("t10k", "test"),
        ("hold-out", "test"),
        ("test1", "test"),
        ("'test'", "test"),
        ("latest", None),
        ("contest", None),
        ("trains", None),
        ("", None),
        ("2017", None),
    ],
)
def test_a_name_states_a_split(name: str, split: str | None) -> None:
    assert names.split_of(name) == split


@pytest.mark.parametrize(
    ("directories", "splits"),
    [
        (["train", "test", "bus"], {"train": "train", "test": "test"}),
        (["seg_train", "seg_test"], {"seg_train": "train", "seg_test": "test"}),
        (["train_seg", "val_seg"], {"train_seg": "train", "val_seg": "eval"}),
        (["1. Train", "2. Test"], {"1. Train": "train", "2. Test": "test"}),
        (["a) train", "b) val"], {"a) train": "train", "b) val": "eval"}),
        (["steam_train", "bus"], {}),  # one alone may be a class
        (["steam_train", "flight_test"], {}),  # of different words
        (["seg_eval", "seg_test"], {}),  # without train
        ([], {}),
    ],
)
def test_splits_with_another_word_count_in_pairs(directories: list[str], splits: dict[str, str]) -> None:
    assert names.splits_of(directories) == splits


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("mnist-train.tfrecord-00000-of-00004", "train"),
        ("train-00001-of-00003", "train"),
        ("test_batch", "test"),
        ("data.tfrecord", None),
        ("train-test.tfrecord", "test"),  # the part before .tfrecord counts first
        ("train_and_test_images", None),
        ("t10k-images.idx3-ubyte", "test"),
        ("validation.gz", "eval"),
    ],
)
def test_a_file_name_holds_a_split(name: str, split: str | None) -> None:
    assert names.split_in_file_name(name) == split


@pytest.mark.parametrize("name", ["unlabeled", "Unlabelled Data", "no_label", "no labels", "without-labels"])
def test_names_of_unlabeled_images(name: str) -> None:
    assert names.is_unlabeled(name)


@pytest.mark.parametrize("name", ["labeled", "label", "unlabel", "data", "no"])
def test_other_names_are_not_those_of_unlabeled_images(name: str) -> None:
    assert not names.is_unlabeled(name)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/b.png", None),
        ("a/b.JPG", None),
        ("a/b", None),  # its content decides
        ("a/b.dat", None),
        ("a/notes.txt", (".txt files", "a/notes.txt")),
        ("a/LICENSE", ("documents", "a/LICENSE")),
        ("a/README.first", ("documents", "a/README.first")),
        ("a/.DS_Store", ("system files", "a/.DS_Store")),
        ("a/._b.png", ("system files", "a/._b.png")),
        ("a/b.png:Zone.Identifier", ("system files", "a/b.png:Zone.Identifier")),
        ("a/.cache.png", ("hidden files", "a/.cache.png")),
        ("__MACOSX/a/b.png", ("system folders", "__MACOSX")),
        ("a/.git/objects/b.png", ("system folders", "a/.git")),
        ("a/.hidden/b/c.png", ("hidden files", "a/.hidden")),
        ("../a/b.png", None),
    ],
)
def test_files_that_are_no_images_by_name(path: str, kind: tuple[str, str] | None) -> None:
    assert names.passed_over(path) == kind


def test_a_hidden_directory_counts_once() -> None:
    paths = [".git/a", ".git/b", "x.txt", "y.txt", "z.csv", "1.png"]
    assert names.count_kinds(map(names.passed_over, paths)) == {
        ".csv files": 1,
        ".txt files": 2,
        "system folders": 1,
    }


def test_names_are_folded_to_one_form() -> None:
    forms = ["Image-ID", "image_id", " image id ", "'imageid'", "IMAGE.ID", "\ufeffImageID"]
    assert {names.folded(form) for form in forms} == {"imageid"}
    assert names.folded("Gro\u0308ße") == names.folded("GRÖSSE") == "grösse"


def test_texts_for_messages_are_short_and_on_one_line() -> None:
    assert names.listed([1, 2, 3]) == "1, 2, 3"
    assert names.listed(range(2000), 2) == "0, 1 and 1,998 more"
    assert names.shortened("short") == "short"
    assert names.shortened("a" * 100 + "b" * 100, 10) == "aaaaa…bbbbb"
    assert names.on_one_line("a\nb\x00é") == "a\\nb\\x00é"


def test_extensions() -> None:
    assert [names.extension(name) for name in ("a.PNG", "a.tar.gz", ".png", "a", "a.b/c")] == [
        *(".png", ".gz", "", "", "")
    ]
    assert names.is_image_name("a.JPeG")
    assert not names.is_image_name("png")

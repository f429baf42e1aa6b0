"""What the names of TFRecord files tell: splits, missing parts, several data sets."""

import pathlib
from typing import Any

import pytest

from tests.components.image_example_gen.adapters.test_tfrecord import config, images
from tests.components.image_example_gen.support import example, png, write_records
from tfx_contrastive.components.image_example_gen import inspect_source


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("shapes-train.tfrecord-00000-of-00001", "shapes-test.tfrecord-00000-of-00001"),
        ("train-00000-of-00002", "train-00001-of-00002 test-00000-of-00001"),
        ("my_test_run-train.tfrecord-00000-of-00001", "my_test_run-holdout.tfrecord-00000-of-00001"),
        ("Training/part-0.tfrecord", "Testing/part-0.tfrecord"),
        ("1.0.0/Split-train/data.gz", "1.0.0/Split-test/data.gz"),
    ],
)
def test_splits_from_the_names_of_files_and_directories(
    tmp_path: pathlib.Path, train: Any, test: Any
) -> None:
    *more, test = test.split(" ")
    for i, name in enumerate([train, *more, test]):
        records = [example(image=png(10 * i + k), label="ab"[k % 2]) for k in range(2)]
        write_records(tmp_path / name, records)
    root = (tmp_path / train).parent
    for name in ("dataset_info.json", "features.json", "label.labels.txt", "Thumbs.db", "._x"):
        (root / name).write_text('{"name": "shapes"}')
    found = inspect_source(config(tmp_path))
    each = 1 + len(more)
    assert found.labels == {"train": {"a": each, "b": each}, "test": {"a": 1, "b": 1}}
    assert found.passed_over == {".json files": 2, ".txt files": 1, "system files": 2}
    assert {image.split for image in images(config(tmp_path))} == {"train", "test"}


def warnings(root: Any, *relatives: Any, **features: Any) -> Any:
    """What is said of files of these names, of two records each."""
    for i, name in enumerate(relatives):
        records = [example(image=png(10 * i + k), **(features or {"label": "ab"[k]})) for k in range(2)]
        write_records(root / name, records)
    return list(inspect_source(config(root)).warnings)


def test_parts_that_are_missing_are_told(tmp_path: pathlib.Path) -> None:
    parts = [f"x-train.tfrecord-0000{i}-of-00004" for i in (0, 2)]
    assert warnings(tmp_path, *parts, "x-test.tfrecord-00000-of-00001", "test/a-0-of-1") == [
        "x-train.tfrecord-00001-of-00004, x-train.tfrecord-00003-of-00004 are not there: by the names of the "
        "files beside, records are missing"
    ]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            ("cats/1.0.0/cats-train.tfrecord", "dogs/1.0.0/dogs-train.tfrecord"),
            "data sets cats, dogs are read",
        ),
        (
            ("1.0.0/cats-train.tfrecord", "2.0.0/cats-train.tfrecord"),
            "several directories, 1.0.0, 2.0.0, whic",
        ),
        (("train/cats-train.tfrecord", "val/cats-val.tfrecord", "train-1.tfrecord"), ""),
    ],
)
def test_several_data_sets_are_told(tmp_path: pathlib.Path, names: Any, told: Any) -> None:
    found = warnings(tmp_path, *names)
    assert [told in text for text in found] == ([True] if told else [])


def test_the_name_of_a_single_file_divides_nothing(tmp_path: pathlib.Path) -> None:
    write_records(tmp_path / "x-test.tfrecord", [example(image=png(k), label="ab"[k]) for k in range(2)])
    assert inspect_source(config(tmp_path / "x-test.tfrecord")).labels == {"": {"a": 1, "b": 1}}

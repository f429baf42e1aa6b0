"""Warnings about class names that are probably mistakes."""

import pathlib
from typing import Any

import pytest

from tests.components.image_example_gen.adapters.test_layouts import files_of, put
from tfx_contrastive.components.image_example_gen import (
    DataError,
    IngestConfig,
    inspect_source,
)


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
def test_look_alike_class_names(tmp_path: pathlib.Path, classes: Any, text: str) -> None:
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
def test_names_that_are_fine(tmp_path: pathlib.Path, classes: Any) -> None:
    source = put(tmp_path, "image_folder", files_of(*classes))
    assert inspect_source(IngestConfig(source=source)).warnings == []


def test_a_class_of_two_lines_is_refused_before_a_run(tmp_path: pathlib.Path) -> None:
    """The vocabulary of Transform has a line for each class."""
    source = put(tmp_path, "image_folder", files_of("boot\nleft", "bag"))
    with pytest.raises(DataError, match=r"the class 'boot\\nleft', whose name holds a line break"):
        inspect_source(IngestConfig(source=source))

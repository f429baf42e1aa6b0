"""Class names: labels become names, and names that are probably mistakes are told."""

import pathlib
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tests.components.image_example_gen.adapters.test_layouts import files_of, put
from tfx_contrastive.components.image_example_gen import DataError, IngestConfig, inspect_source
from tfx_contrastive.components.image_example_gen.class_names import class_labels, is_missing, name_warnings


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


@pytest.mark.parametrize(
    ("values", "class_names", "labels"),
    [
        ([2, 0, -1], (), ["2", "0", None]),
        ([1, 0], ("cat", "dog"), ["dog", "cat"]),
        ([[1], [0]], ("cat", "dog"), ["dog", "cat"]),
        ([True, False], (), ["1", "0"]),
        ([2.0, -1.0], (), ["2", None]),
        (["cat", ""], (), ["cat", None]),
        ([b"Gr\xc3\xbcn"], (), ["Grün"]),
        ([], (), []),
    ],
)
def test_labels_become_class_names(
    values: Any, class_names: tuple[str, ...], labels: list[str | None]
) -> None:
    array = np.array(values) if values else np.array([], np.int64)
    assert class_labels(array, class_names, "the labels") == labels


@pytest.mark.parametrize(
    ("values", "class_names", "told"),
    [
        ([[1, 0], [0, 1]], (), r"one-hot vectors: save labels.argmax\(axis=1\)"),
        ([[1, 1], [0, 1]], (), "Image 0 has 2 ones: these are multi-hot vectors"),
        ([[0.2, 0.8]], (), r"Are these scores\? Save labels.argmax"),
        ([0.5], (), "with 0.5 for image 0; expected whole numbers or text"),
        ([0, 3], ("cat", "dog"), "up to 3, but 2 class_names"),
        (["bird"], ("cat", "dog"), "such as 'bird', which is none of data.source.class_names"),
        ([b"\xff"], (), "which are not UTF-8"),
        ([[["a"]]], (), "expected one whole number or one text per image"),
    ],
)
def test_labels_that_are_no_classes_are_refused(values: Any, class_names: tuple[str, ...], told: str) -> None:
    with pytest.raises(DataError, match=told):
        class_labels(np.array(values), class_names, "the labels")


@pytest.mark.parametrize(
    "names",
    [
        ["7e12345678", "a41f", "cat"],  # digests in hexadecimal
        ["7e12345678", "7e12345679"],
        ["1e400", "2e400", "cat"],  # beyond any float
        ["9" * 400, "8" * 400],
        ["1" * 40 + "1", "1" * 40 + "2"],  # they differ in the last of 41 digits
        ["1e99999999999999999999", "1e99999999999999999998"],  # beyond any decimal number
        ["1.50", "cat", "dog"],  # one figure is a name
        ["1", "2", "10"],
    ],
)
def test_numbers_that_are_names_like_any_other(names: list[str]) -> None:
    assert name_warnings(names) == []


@pytest.mark.parametrize(
    "names", [["1", "1.0"], ["-0", "0"], ["1e3", "1000"], ["1,5", "1.5"], ["+7", "7"], ["１", "1"]]
)
def test_one_number_in_two_forms_is_told(names: list[str]) -> None:
    first, second = (repr(name) for name in sorted(names))
    assert name_warnings(names)[0].startswith(
        f"the classes {first} and {second} differ only in the way of writing a number; they stay apart"
    )


def test_figures_are_told() -> None:
    assert name_warnings(["0.25", "0.5", "3"]) == [
        "the classes '0.25', '0.5' look like a figure, such as a score each, but count as classes; divide "
        "figures into a few classes"
    ]


NUMBERS = st.from_regex(r"[+-]?[0-9]{1,30}([.,][0-9]{0,5})?(e[+-]?[0-9]{1,25})?", fullmatch=True)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(max_size=12) | NUMBERS, max_size=6))
def test_no_name_stops_the_look_at_them(names: list[str]) -> None:
    warnings = name_warnings(names)
    assert all(text.isprintable() for text in warnings)
    assert name_warnings([*names, *reversed(names)]) == warnings  # order and number don't matter


@pytest.mark.parametrize("name", ["", " ", "NaN", " n/a ", "#REF!", "?", "None"])
def test_names_of_a_missing_value(name: str) -> None:
    assert is_missing(name)
    assert not is_missing(f"{name}x")

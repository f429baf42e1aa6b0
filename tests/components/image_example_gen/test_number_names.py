"""Class names that are numbers, or look like ones: digests, long ids, figures."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tfx_contrastive.components.image_example_gen.class_names import is_missing, name_warnings


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

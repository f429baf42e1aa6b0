"""Arrays of images: pixels of many types become 8 bits, shapes are checked, parts are read by position."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from tfx_contrastive.components.image_example_gen.adapters import arrays
from tfx_contrastive.contract.errors import DataError

Array = np.ndarray[Any, np.dtype[Any]]


def converted(values: Array) -> list[int]:
    arrays.require_pixels(values.dtype, "the images")
    found = arrays.range_of([values], values.dtype)
    scaling = arrays.scaling_of(found, "the images")
    pixels = arrays.to_uint8(values, scaling)
    assert pixels.dtype == np.uint8
    return list(pixels.ravel().tolist())


@pytest.mark.parametrize(
    ("values", "pixels"),
    [
        (np.array([0, 7, 255], np.uint8), [0, 7, 255]),
        (np.array([False, True]), [0, 255]),
        (np.array([0, 255], np.int64), [0, 255]),
        (np.array([0, 512, 1023], np.uint16), [0, 128, 255]),  # 10 bits
        (np.array([0, 2048, 4095], np.uint16), [0, 128, 255]),  # 12 bits
        (np.array([0, 65535], np.uint16), [0, 255]),
        (np.array([0.0, 0.5, 1.0]), [0, 128, 255]),
        (np.array([-0.00005, 1.00005], np.float32), [0, 255]),  # scaled with a rounding error
        (np.array([0.0, 127.6, 254.6]), [0, 128, 255]),
    ],
)
def test_pixels_become_8_bits(values: Array, pixels: list[int]) -> None:
    assert converted(values) == pixels


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.array([-1.0, 1.0]), r"scaled to \[-1, 1\]: store \(x \+ 1\) / 2"),
        (np.array([-2.1, 2.6]), "standardized: store the pixels as they were"),
        (np.array([0.0, 100.0]), "floats from 0 to 100; .*Scale them"),
        (np.array([0.0, np.nan, np.inf]), "2 values that are NaN or infinite"),
        (np.array([0, 256], np.int32), "type int32 with values from 0 to 256"),
        (np.array([-1, 255], np.int16), "type int16 with values from -1 to 255"),
        (np.array([1j]), "complex numbers"),
        (np.array(["a"]), "of type <U1"),
        (np.array([None]), "stored as a pickle"),
    ],
)
def test_values_without_a_clear_meaning_are_refused(values: Array, told: str) -> None:
    with pytest.raises(DataError, match=told):
        converted(values)


@given(st.lists(st.lists(st.integers(0, 1000), min_size=1), min_size=1))
def test_the_range_does_not_depend_on_the_blocks(blocks: list[list[int]]) -> None:
    found = arrays.range_of([np.array(block, np.uint16) for block in blocks], np.dtype(np.uint16))
    values = [value for block in blocks for value in block]
    assert (found.low, found.high, found.num_not_finite) == (min(values), max(values), 0)


def test_an_empty_array_has_a_range() -> None:
    found = arrays.range_of([], np.dtype(np.float32))
    assert (found.low, found.high) == (0, 0)


@pytest.mark.parametrize(
    ("shape", "channels_first"),
    [
        ((9, 28, 28), False),
        ((9, 28, 28, 1), False),
        ((9, 32, 32, 3), False),
        ((9, 3, 32, 32), True),
        ((9, 1, 28, 28), True),
        ((9, 3, 3, 3), False),
    ],
)
def test_shapes_of_images(shape: tuple[int, ...], channels_first: bool) -> None:
    assert arrays.check_shape(shape, "the images") is channels_first


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((9, 784), r"Save images.reshape\(9, 28, 28\)"),
        ((9, 3072), r"Save images.reshape\(9, 32, 32, 3\)"),
        ((9, 7), "Save them with their height and width"),
        ((32, 32, 3), "Is this one image"),
        ((9, 32, 32, 2), "Two channels"),
        ((32, 32, 3, 9), r"Save numpy.moveaxis\(images, -1, 0\)"),
        ((9,), "1, 3 or 4 channels"),
        ((9, 0, 28), "1, 3 or 4 channels"),
    ],
)
def test_other_shapes_are_refused_with_a_hint(shape: tuple[int, ...], hint: str) -> None:
    with pytest.raises(DataError, match=hint):
        arrays.check_shape(shape, "the images")


def test_an_array_is_cut_by_position(tmp_path: Any) -> None:
    pixels = np.arange(5 * 2 * 3, dtype=np.uint8).reshape(5, 2, 3)
    (tmp_path / "a.raw").write_bytes(b"head" + pixels.tobytes())
    part = arrays.ArrayPart(
        "x", "train", str(tmp_path / "a.raw"), 4, "uint8", (5, 2, 3), ["a", "b", None, "a", "b"]
    )
    parts = arrays.divide(part, 2)
    assert [(each.start, each.shape, each.offset) for each in parts] == [
        (0, (2, 2, 3), 4),
        (2, (2, 2, 3), 16),
        (4, (1, 2, 3), 28),
    ]
    batches = [arrays.read(each) for each in parts]
    np.testing.assert_array_equal(np.concatenate([batch.pixels for batch in batches])[..., 0], pixels)
    assert [label for batch in batches for label in batch.labels] == ["a", "b", None, "a", "b"]
    assert [source for batch in batches for source in batch.sources] == [f"x/{i}" for i in range(5)]


def test_channels_first_are_brought_to_the_end(tmp_path: Any) -> None:
    pixels = np.arange(2 * 3 * 5 * 6, dtype=np.uint8).reshape(2, 3, 5, 6)
    (tmp_path / "a.raw").write_bytes(pixels.tobytes())
    part = arrays.ArrayPart(
        "x", "", str(tmp_path / "a.raw"), 0, "uint8", pixels.shape, [None] * 2, channels_first=True
    )
    np.testing.assert_array_equal(arrays.read(part).pixels, pixels.transpose(0, 2, 3, 1))


def test_a_file_that_is_too_short_is_told(tmp_path: Any) -> None:
    (tmp_path / "a.raw").write_bytes(bytes(11))
    part = arrays.ArrayPart("x", "", str(tmp_path / "a.raw"), 0, "uint8", (1, 3, 4), [None])
    with pytest.raises(DataError, match="x ends after 11 of 12 bytes from image 0: the file is truncated"):
        arrays.read(part)

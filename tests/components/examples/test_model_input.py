"""The model's view of an image: background, channels, bit depth, and images that are blank in it."""

from typing import Any

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from tfx_contrastive.components.examples.model_input import (
    SeenAs,
    as_seen,
    bits_of,
    blank_images,
    on_ground,
    require_something,
    to_8_bits,
    unused_bits,
)
from tfx_contrastive.contract.errors import Reason, RejectedError


def image(*values: int, channels: int = 1) -> npt.NDArray[Any]:
    """One row of pixels, uint8 [1, W, C]."""
    return np.array(values, np.uint8).reshape(1, -1, channels)


def reason(pixels: npt.NDArray[Any], seen_as: SeenAs) -> str:
    with pytest.raises(RejectedError) as caught:
        require_something(pixels, seen_as, None)
    assert caught.value.reason == Reason.BLANK
    return caught.value.detail


@pytest.mark.parametrize("bit_depth", [8, 10, 12, 14, 16])
def test_the_highest_bits_are_kept_and_greater_values_are_white(bit_depth: int) -> None:
    white = (1 << bit_depth) - 1
    values = np.array([0, white >> 1, white, min(white + 1, 65535)], np.uint16)
    assert to_8_bits(values, bit_depth).tolist() == [0, 127, 255, 255]


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_alpha_mixes_with_the_background_by_rounding(color: int, alpha: int, ground: int) -> None:
    pixels = image(color, color, color, alpha, channels=4)
    laid = on_ground(pixels, SeenAs(ground=(ground, ground, ground)))
    assert laid.shape == (1, 1, 3)
    assert laid[0, 0, 0] == (color * alpha + ground * (255 - alpha) + 127) // 255


def test_images_without_alpha_stay_as_they_are() -> None:
    for channels in (1, 3):
        pixels = image(*range(6), channels=channels)
        assert on_ground(pixels, SeenAs()) is pixels


def test_a_gray_model_sees_luma() -> None:
    colors = image(255, 0, 0, 0, 255, 0, 0, 0, 255, channels=3)
    assert as_seen(colors, SeenAs(channels=1)).ravel().tolist() == [76, 150, 29]
    gray = image(1, 2, 3)
    assert as_seen(gray, SeenAs(channels=3)) is gray
    assert as_seen(colors, SeenAs(channels=3)) is colors


def test_a_model_of_four_channels_keeps_alpha() -> None:
    pixels = image(1, 2, 3, 0, channels=4)
    assert as_seen(pixels, SeenAs(channels=4)) is pixels


def test_the_cause_of_a_blank_image_is_told() -> None:
    assert reason(image(7, 7, 7), SeenAs()) == "all 3x1 pixels are the same"
    drawing = image(255, 255, 255, 0, 255, 255, 255, 255, channels=4)  # white on transparent
    told = reason(drawing, SeenAs(channels=3))
    assert told.startswith("but for transparency, all 2x1 pixels are the same")
    assert told.endswith("try image.background: black")
    assert reason(drawing // 255, SeenAs(channels=3, ground=(1, 1, 1))).endswith("image.background: white")
    grays = image(76, 76, 76, 255, 0, 0, channels=3)  # equal luma
    assert reason(grays, SeenAs(channels=1)) == "as gray, all 2x1 pixels are the same; try image.channels: 3"


def test_dark_values_of_16_bits_name_the_bits_that_are_used() -> None:
    values = np.array([[[3], [200]]], np.uint16)
    with pytest.raises(RejectedError, match="from 3 to 200 of 65,536.*here 8 or more"):
        require_something(to_8_bits(values, 16), SeenAs(), values)


def test_blank_images_of_an_array_are_found_by_position() -> None:
    pixels = np.zeros((4, 2, 2, 3), np.uint8)
    pixels[1, 0, 0] = 9
    pixels[3] = [[[76, 76, 76], [255, 0, 0]], [[76, 76, 76], [76, 76, 76]]]
    assert sorted(blank_images(pixels, SeenAs(channels=3))) == [0, 2]
    assert sorted(blank_images(pixels, SeenAs(channels=1))) == [0, 2, 3]


@pytest.mark.parametrize(
    ("value", "bits"), [(0, 8), (255, 8), (256, 10), (1023, 10), (4095, 12), (65535, 16)]
)
def test_the_smallest_bit_depth(value: int, bits: int) -> None:
    assert bits_of(value) == bits


def test_unused_bits_are_told_with_the_levels_that_are_left() -> None:
    assert unused_bits(0, 16) == ""
    assert unused_bits(65535, 16) == ""
    assert unused_bits(4095, 12) == ""
    told = unused_bits(4095, 16)
    assert "none above 4,095, of which 16 of 256 levels" in told
    assert "image.bit_depth: 12" in told

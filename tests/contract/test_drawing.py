"""Tiles: decoding, sizes, transparent pixels and texts that fit."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from tfx_contrastive.contract.drawing import (
    fitted,
    fitting_text,
    open_picture,
    paste_tile,
    picture_of,
    reduced,
    resized,
)


def encoded(picture: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, options.pop("format", "PNG"), **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_pixels_become_a_picture_of_their_mode(channels: int, mode: str) -> None:
    picture = picture_of(np.zeros((2, 5, channels), np.uint8))
    assert (picture.mode, picture.size) == (mode, (5, 2))


@pytest.mark.parametrize(
    ("picture", "mode"),
    [
        (Image.new("L", (3, 2), 7), "RGB"),
        (Image.new("LA", (3, 2)), "RGBA"),
        (Image.new("P", (3, 2)), "RGB"),
        (Image.fromarray(np.full((2, 3), 7 << 8, np.uint16)), "RGB"),
    ],
)
def test_an_image_opens_with_8_bits_per_value(picture: Image.Image, mode: str) -> None:
    opened = open_picture(encoded(picture), 16)
    assert opened is not None
    assert (opened.mode, opened.size) == (mode, (3, 2))
    if picture.mode in ("L", "I;16"):
        assert opened.getpixel((0, 0)) == (7, 7, 7)


def test_an_image_opens_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    opened = open_picture(encoded(Image.new("RGB", (6, 2)), format="JPEG", exif=exif), 16)
    assert opened is not None
    assert opened.size == (2, 6)


@pytest.mark.parametrize("content", [b"", b"garbage", encoded(Image.new("RGB", (64, 64)))[:40]])
def test_a_damaged_image_does_not_open(content: bytes) -> None:
    assert open_picture(content, 16) is None


def test_sizes() -> None:
    picture = Image.new("L", (40, 20))
    assert reduced(picture, 10).size == (10, 5)
    assert reduced(picture, 100).size == (40, 20)
    assert fitted(picture, 80).size == (80, 40)
    assert fitted(picture, 10).size == (10, 5)
    assert fitted(Image.new("L", (400, 1)), 10).size == (10, 1)


def test_enlarging_does_not_blur() -> None:
    picture = picture_of(np.array([[0, 255]], np.uint8)[..., None])
    assert set(np.asarray(resized(picture, (8, 4))).ravel()) == {0, 255}


def test_the_ground_is_seen_through_transparent_pixels() -> None:
    canvas = Image.new("RGB", (4, 4), "white")
    tile = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    tile.putpixel((1, 1), (9, 8, 7, 255))
    paste_tile(canvas, tile, 1, 1, "#102030")
    assert [canvas.getpixel(place) for place in ((0, 0), (1, 1), (2, 2), (3, 3))] == [
        (255, 255, 255),
        (16, 32, 48),
        (9, 8, 7),
        (255, 255, 255),
    ]


def test_a_text_is_shortened_at_either_end() -> None:
    draw, font = ImageDraw.Draw(Image.new("RGB", (9, 9))), ImageFont.load_default()
    width = int(draw.textlength("folder…", font)) + 1
    assert fitting_text("short", 1_000, draw, font) == "short"
    start = fitting_text("folder/of/image-1.png", width, draw, font)
    end = fitting_text("folder/of/image-1.png", width, draw, font, keep="end")
    assert start[-1] == end[0] == "…"
    assert "folder/of/image-1.png".startswith(start[:-1])
    assert "folder/of/image-1.png".endswith(end[1:])
    assert max(draw.textlength(text, font) for text in (start, end)) <= width

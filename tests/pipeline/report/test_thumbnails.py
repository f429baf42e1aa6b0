import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tfx_contrastive.pipeline.report.thumbnails import Atlas, paste, thumbnail


def encoded(pixels: Any, **options: Any) -> Any:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, options.pop("format", "PNG"), **options)
    return buffer.getvalue()


def gray(height: Any, width: Any, value: Any = 100) -> Any:
    return np.full((height, width), value, np.uint8)


def test_tiles_lie_where_their_numbers_say() -> None:
    atlas = Atlas(16)
    numbers = [atlas.add_pixels(str(value), gray(8, 8, value)[..., None]) for value in (10, 200, 90)]
    assert numbers == [0, 1, 2]
    sheet = atlas.sheet()
    assert (sheet.columns, sheet.rows, sheet.tile, sheet.count) == (2, 2, 8, 3)
    picture = Image.open(io.BytesIO(base64.b64decode(sheet.data_uri.partition(",")[2]))).convert("RGBA")
    assert [picture.getpixel((x, y)) for x, y in ((4, 4), (12, 4), (4, 12), (12, 12))] == [
        (10, 10, 10, 255),
        (200, 200, 200, 255),
        (90, 90, 90, 255),
        (0, 0, 0, 0),
    ]


def test_the_same_picture_is_kept_once() -> None:
    atlas = Atlas(16)
    data = encoded(gray(4, 4))
    assert atlas.add_encoded("a", data) == atlas.add_encoded("a", data) == 0
    assert atlas.sheet().count == 1


def test_a_large_picture_is_reduced_and_keeps_its_shape() -> None:
    small = thumbnail(encoded(gray(300, 100)), 30)
    assert small is not None
    assert small.size == (10, 30)


def test_a_narrow_picture_stands_in_the_middle_of_its_tile() -> None:
    canvas = paste([Image.fromarray(gray(8, 2))], 8, 1)
    assert np.asarray(canvas)[0, 0, 3] == 0
    assert canvas.getpixel((4, 4)) == (100, 100, 100, 255)


@pytest.mark.parametrize("data", [b"", b"not an image", encoded(gray(64, 64))[:60]])
def test_damaged_bytes_have_no_thumbnail(data: Any) -> None:
    assert thumbnail(data, 16) is None
    assert Atlas(16).add_encoded("x", data) is None


def test_sixteen_bits_keep_their_high_byte() -> None:
    deep = np.full((4, 4), 0x80FF, np.uint16)
    small = thumbnail(encoded(deep), 8)
    assert small is not None
    assert small.getpixel((0, 0)) == (128, 128, 128)


def test_transparency_is_kept() -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    small = thumbnail(encoded(clear), 8)
    assert small is not None
    assert small.getpixel((0, 0)) == (0, 0, 0, 0)


def test_an_empty_atlas_has_an_empty_sheet() -> None:
    assert Atlas(8).sheet().data_uri == ""

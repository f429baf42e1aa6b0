"""Colors of tiles: 16 bits, transparency, enlarging and reducing; and pictures beyond the limit."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tfx_contrastive.contract import drawing


def encoded(picture: Image.Image, image_format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, image_format, **options)
    return buffer.getvalue()


def test_reducing_takes_the_mean_and_enlarging_copies() -> None:
    checks = drawing.picture_of(np.kron(np.eye(2), np.ones((8, 8)))[..., None].astype(np.uint8) * 200)
    assert np.asarray(drawing.resized(checks, (1, 1))).item() == pytest.approx(100, abs=2)
    np.testing.assert_array_equal(
        np.asarray(drawing.resized(checks, (32, 32))), np.kron(np.asarray(checks), np.ones((2, 2), np.uint8))
    )


def test_a_picture_beyond_the_limit_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_MAX_PIXELS", 12)
    assert drawing.open_picture(encoded(Image.new("L", (4, 3))), 8) is not None
    assert drawing.open_picture(encoded(Image.new("L", (13, 1))), 8) is None


@pytest.mark.parametrize(
    ("values", "gray"), [(0, 0), (255, 0), (256, 1), (0x7FFF, 127), (0xFFFF, 255)], ids=hex
)
def test_of_16_bits_the_high_ones_are_drawn(values: int, gray: int) -> None:
    for image_format in ("PNG", "TIFF"):
        picture = Image.fromarray(np.full((2, 3), values, np.uint16))
        found = drawing.open_picture(encoded(picture, image_format), 8)
        assert found is not None
        assert found.getpixel((0, 0)) == (gray, gray, gray)


def test_a_transparent_color_of_a_palette_stays_transparent() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([1, 2, 3, 4, 5, 6])
    picture.putpixel((1, 0), 1)
    found = drawing.open_picture(encoded(picture, transparency=0), 8)
    assert found is not None
    assert found.getdata(3)[0] == 0
    assert found.getpixel((1, 0)) == (4, 5, 6, 255)


def test_a_half_transparent_tile_is_mixed_with_its_ground_and_not_with_what_was_there() -> None:
    canvas = Image.new("RGB", (3, 1), (0, 255, 0))
    drawing.paste_tile(canvas, Image.new("RGBA", (1, 1), (255, 0, 0, 51)), 1, 0, "#0000ff")
    assert [canvas.getpixel((column, 0)) for column in range(3)] == [(0, 255, 0), (51, 0, 204), (0, 255, 0)]

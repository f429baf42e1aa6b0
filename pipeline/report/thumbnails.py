"""Thumbnails: many small pictures in one image, which keeps a report small."""

import base64
import dataclasses
import io
import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from tfx_contrastive.contract.drawing import open_picture, picture_of, reduced

_LOSSLESS_UP_TO = 32  # below this size lossy compression is visible, and lossless files are small too
_QUALITY = 82


@dataclasses.dataclass(frozen=True)
class Sheet:
    """One image that holds square tiles in rows.

    Attributes:
        data_uri: The image as `data:` URI; empty if there is no tile.
        columns: Number of tiles per row.
        rows: Number of rows.
        tile: Side of a tile, in pixels.
        count: Number of tiles.
    """

    data_uri: str
    columns: int
    rows: int
    tile: int
    count: int


class Atlas:
    """Collects thumbnails; each picture has a number, the same one if it is added again."""

    def __init__(self, limit: int):
        """Start empty.

        Args:
            limit: Longest side of a thumbnail, in pixels; smaller pictures keep their size.
        """
        self._limit = limit
        self._tiles: list[Image.Image] = []
        self._numbers: dict[str, int] = {}

    def add_encoded(self, key: str, encoded: bytes) -> int | None:
        """Add an encoded image and return its number; None if it is damaged or far too large."""
        if key in self._numbers:
            return self._numbers[key]
        picture = thumbnail(encoded, self._limit)
        return None if picture is None else self._add(key, picture)

    def add_pixels(self, key: str, pixels: npt.NDArray[np.uint8]) -> int:
        """Add pixels, uint8 [H, W, C] with C in {1, 3, 4}, and return their number."""
        if key in self._numbers:
            return self._numbers[key]
        return self._add(key, small_picture(pixels, self._limit))

    def _add(self, key: str, picture: Image.Image) -> int:
        self._numbers[key] = len(self._tiles)
        self._tiles.append(picture)
        return self._numbers[key]

    def picture(self, key: str) -> Image.Image | None:
        """Return the thumbnail of a key, None if it has none."""
        number = self._numbers.get(key)
        return None if number is None else self._tiles[number]

    def sheet(self) -> Sheet:
        """Return all thumbnails as one WebP image."""
        if not self._tiles:
            return Sheet("", 1, 1, 1, 0)
        tile = max(max(picture.size) for picture in self._tiles)
        columns = math.ceil(math.sqrt(len(self._tiles)))
        canvas = paste(self._tiles, tile, columns)
        buffer = io.BytesIO()
        if tile <= _LOSSLESS_UP_TO:
            canvas.save(buffer, "WEBP", lossless=True, quality=60, method=3)
        else:
            canvas.save(buffer, "WEBP", quality=_QUALITY, method=3)
        uri = "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
        return Sheet(uri, columns, math.ceil(len(self._tiles) / columns), tile, len(self._tiles))


def paste(pictures: list[Image.Image], tile: int, columns: int) -> Image.Image:
    """Paste pictures in rows, each in the middle of its tile on a transparent background."""
    rows = math.ceil(len(pictures) / columns)
    canvas = Image.new("RGBA", (columns * tile, rows * tile))
    for number, picture in enumerate(pictures):
        x = (number % columns) * tile + (tile - picture.width) // 2
        y = (number // columns) * tile + (tile - picture.height) // 2
        canvas.paste(picture.convert("RGBA"), (x, y))
    return canvas


def small_picture(pixels: npt.NDArray[np.uint8], limit: int) -> Image.Image:
    """Return a picture of pixels, uint8 [H, W, C] with C in {1, 3, 4}, neither side longer than `limit`."""
    return reduced(picture_of(pixels), limit)


def thumbnail(encoded: bytes, limit: int) -> Image.Image | None:
    """Return a small picture of an encoded image; None if it can't be shown.

    Args:
        encoded: The bytes of the file, valid or damaged.
        limit: Longest side, in pixels.
    """
    picture = open_picture(encoded, limit)
    return None if picture is None else reduced(picture, limit)

"""Thumbnails: many small pictures in one image, so that a report stays small."""

import base64
import dataclasses
import io
import math
import warnings

import numpy as np
from PIL import Image, ImageOps

_LOSSLESS_UP_TO = 32  # smaller pictures suffer visibly from lossy compression, and cost little
_QUALITY = 82
_MAX_PIXELS = 50_000_000


@dataclasses.dataclass(frozen=True)
class Sheet:
    """One image that holds tiles in rows of `columns`, each a square of `tile` pixels.

    Attributes:
        data_uri: The image as `data:` URI; empty where there is no tile.
        columns: Tiles in a row.
        rows: Rows.
        tile: Side of a tile, pixels.
        count: Tiles in all.
    """

    data_uri: str
    columns: int
    rows: int
    tile: int
    count: int


class Atlas:
    """Collects thumbnails; each picture gets a number, the same one if it comes again."""

    def __init__(self, limit: int):
        """Begins empty.

        Args:
            limit: Longest side of a thumbnail, pixels; smaller pictures keep their size.
        """
        self._limit = limit
        self._tiles: list[Image.Image] = []
        self._numbers: dict[str, int] = {}

    def add_encoded(self, key: str, encoded: bytes) -> int | None:
        """Adds an encoded image; None if it can't be shown (damaged, or far too large)."""
        if key in self._numbers:
            return self._numbers[key]
        picture = thumbnail(encoded, self._limit)
        return None if picture is None else self._add(key, picture)

    def add_pixels(self, key: str, pixels: np.ndarray) -> int:
        """Adds pixels, uint8 [H, W, C] with C in {1, 3, 4}."""
        if key in self._numbers:
            return self._numbers[key]
        return self._add(key, small_picture(pixels, self._limit))

    def _add(self, key: str, picture: Image.Image) -> int:
        self._numbers[key] = len(self._tiles)
        self._tiles.append(picture)
        return self._numbers[key]

    def picture(self, key: str) -> Image.Image | None:
        """The thumbnail of a key, None if it has none."""
        number = self._numbers.get(key)
        return None if number is None else self._tiles[number]

    def sheet(self) -> Sheet:
        """All thumbnails in one WebP image."""
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
    """Lays pictures out in rows, each in the middle of its tile on transparent ground."""
    rows = math.ceil(len(pictures) / columns)
    canvas = Image.new("RGBA", (columns * tile, rows * tile))
    for number, picture in enumerate(pictures):
        x = (number % columns) * tile + (tile - picture.width) // 2
        y = (number // columns) * tile + (tile - picture.height) // 2
        canvas.paste(picture.convert("RGBA"), (x, y))
    return canvas


def small_picture(pixels: np.ndarray, limit: int) -> Image.Image:
    """Return a picture of pixels, uint8 [H, W, C] with C in {1, 3, 4}, neither side longer than `limit`."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    picture.thumbnail((limit, limit), Image.Resampling.LANCZOS)
    return picture


def thumbnail(encoded: bytes, limit: int) -> Image.Image | None:
    """A small picture of an encoded image; None if it can't be shown.

    Args:
        encoded: The file's bytes, good or damaged.
        limit: Longest side, pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged EXIF data, sizes near the limit: judged here
            picture: Image.Image = Image.open(io.BytesIO(encoded))
            if picture.width * picture.height > _MAX_PIXELS:
                return None
            picture.draft("RGB", (limit, limit))
            picture.load()
            picture = ImageOps.exif_transpose(picture)
    except Exception:  # Pillow's decoders raise almost anything on damaged bytes
        return None
    if picture.mode.startswith("I"):  # 16 bits a pixel
        high = np.asarray(picture).astype(np.int64).clip(0, 65535) >> 8
        picture = Image.fromarray(high.astype(np.uint8))
    picture = picture.convert("RGBA" if "transparency" in picture.info or picture.mode in _ALPHA else "RGB")
    picture.thumbnail((limit, limit), Image.Resampling.LANCZOS)
    return picture


_ALPHA = ("RGBA", "LA", "PA")

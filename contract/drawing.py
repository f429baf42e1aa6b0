"""Drawing of images as tiles, for contact sheets, grids of views and thumbnails of the report."""

import io
import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_MAX_PIXELS = 50_000_000
_ALPHA_MODES = ("RGBA", "LA", "PA")
_ELLIPSIS = "…"


def picture_of(pixels: NDArray[Any]) -> Image.Image:
    """Return a picture of pixels, uint8 [H, W, C] with C in {1, 3, 4}."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def open_picture(encoded: bytes, limit: int) -> Image.Image | None:
    """Decode an image, upright and with 8 bits per value.

    Args:
        encoded: The bytes of the file, valid or damaged.
        limit: Side in pixels at which it will be drawn: a JPEG is decoded at about this size.

    Returns:
        RGB, or RGBA if it has transparent pixels; None if the image can't be decoded or is too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on damaged EXIF data and sizes near the limit
            picture: Image.Image = Image.open(io.BytesIO(encoded))
            if picture.width * picture.height > _MAX_PIXELS:
                return None
            picture.draft("RGB", (limit, limit))
            picture.load()
            picture = ImageOps.exif_transpose(picture)
    except Exception:  # noqa: BLE001 Pillow's decoders raise almost anything on damaged bytes
        return None
    if picture.mode.startswith("I"):  # 16 bits per pixel
        high = np.asarray(picture).astype(np.int64).clip(0, 65535) >> 8
        picture = Image.fromarray(high.astype(np.uint8))
    has_alpha = "transparency" in picture.info or picture.mode in _ALPHA_MODES
    return picture.convert("RGBA" if has_alpha else "RGB")


def reduced(picture: Image.Image, limit: int) -> Image.Image:
    """Return a picture neither side of which is longer than `limit` pixels; small ones keep their size."""
    small = picture.copy()
    small.thumbnail((limit, limit), Image.Resampling.LANCZOS)
    return small


def resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture of another size, (width, height) in pixels.

    Enlarging does not blur, so that the pixels which an encoder sees are visible.
    """
    enlarges = size[0] >= picture.width and size[1] >= picture.height
    return picture.resize(size, Image.Resampling.NEAREST if enlarges else Image.Resampling.LANCZOS)


def fitted(picture: Image.Image, side: int) -> Image.Image:
    """Return a picture enlarged or reduced to fit into a square of `side` pixels."""
    scale = side / max(picture.size)
    return resized(picture, (max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def paste_tile(canvas: Image.Image, tile: Image.Image, left: int, top: int, ground: str) -> None:
    """Paste a tile; `ground` is the color that is seen through its transparent pixels."""
    if tile.mode == "RGBA":
        canvas.paste(ground, (left, top, left + tile.width, top + tile.height))
        canvas.paste(tile, (left, top), tile)
    else:
        canvas.paste(tile, (left, top))


def fitting_text(
    text: str, width: int, draw: ImageDraw.ImageDraw, font: Font, keep: Literal["start", "end"] = "start"
) -> str:
    """Return a text, shortened with an ellipsis if it is wider than `width` pixels.

    Args:
        text: One line.
        width: In pixels.
        draw: Where it will be drawn.
        font: Its font.
        keep: The part that remains; file names differ at their end.
    """
    if draw.textlength(text, font) <= width:
        return text

    def shortened() -> str:
        return text + _ELLIPSIS if keep == "start" else _ELLIPSIS + text

    while text and draw.textlength(shortened(), font) > width:
        text = text[:-1] if keep == "start" else text[1:]
    return shortened()

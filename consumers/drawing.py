"""Drawing of images: tiles and contact sheets with two short texts under each tile."""

import dataclasses
import io
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from tfx_contrastive.consumers.search import Neighbor

_TILE, _GAP, _TEXT_LINES, _LINE = 96, 8, 2, 12
_CELL_HEIGHT = _TILE + _TEXT_LINES * _LINE + _GAP
_MARGIN = 12
_BACKGROUND, _QUERY, _TEXT, _QUIET = "white", "#c0392b", "#222222", "#777777"


@dataclasses.dataclass(frozen=True)
class Cell:
    """A tile of a contact sheet.

    Attributes:
        image: Encoded; one that Pillow can't read has an empty tile.
        first: The text right under it.
        second: The text under that.
        is_marked: Whether it gets a frame.
    """

    image: bytes
    first: str
    second: str
    is_marked: bool = False


def contact_sheet(
    queries: Sequence[tuple[str, bytes]],
    neighbors: Sequence[Sequence[Neighbor]],
    images: Mapping[str, bytes],
) -> bytes:
    """Draw a row per query: first the query, then its neighbors.

    Args:
        queries: Name and encoded image of each query, N.
        neighbors: Of each query, N.
        images: Encoded images of the neighbors by `image_id`.

    Returns:
        A PNG.
    """
    rows = [
        [
            Cell(encoded, "query", name, is_marked=True),
            *(
                Cell(images.get(each.image_id, b""), f"{each.similarity:.3f}", each.label or "no label")
                for each in found
            ),
        ]
        for (name, encoded), found in zip(queries, neighbors, strict=True)
    ]
    return draw_sheet(rows)


def draw_sheet(rows: Sequence[Sequence[Cell]]) -> bytes:
    """Draw rows of tiles; return a PNG."""
    columns = max((len(row) for row in rows), default=0)
    size = (2 * _MARGIN + columns * (_TILE + _GAP), 2 * _MARGIN + len(rows) * _CELL_HEIGHT)
    sheet = Image.new("RGB", size, _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default()
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            left = _MARGIN + column * (_TILE + _GAP)
            top = _MARGIN + number * _CELL_HEIGHT
            if (tile := _tile(cell.image)) is not None:
                sheet.paste(tile, (left, top))
            if cell.is_marked:
                draw.rectangle(
                    (left - 3, top - 3, left + _TILE + 2, top + _TILE + 2), outline=_QUERY, width=2
                )
            for line, (text, colour) in enumerate(((cell.first, _QUIET), (cell.second, _TEXT))):
                position = (left, top + _TILE + 3 + line * _LINE)
                draw.text(position, _fitting(text, draw, font), fill=colour, font=font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _tile(encoded: bytes) -> Image.Image | None:
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, Image.DecompressionBombError):
        return None
    # Small pictures are enlarged without blurring: their pixels are what the encoder saw.
    resample = Image.Resampling.NEAREST if max(upright.size) < _TILE else Image.Resampling.LANCZOS
    fitted = ImageOps.contain(upright, (_TILE, _TILE), resample)
    tile = Image.new("RGB", (_TILE, _TILE), "#f0f0f0")
    tile.paste(fitted, ((_TILE - fitted.width) // 2, (_TILE - fitted.height) // 2))
    return tile


def _fitting(text: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Return the end of a text that fits under a tile: file names differ at their end."""
    if draw.textlength(text, font) <= _TILE:
        return text
    while text and draw.textlength("…" + text, font) > _TILE:
        text = text[1:]
    return "…" + text

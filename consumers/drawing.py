"""Contact sheets: tiles of images with two short texts under each tile."""

import dataclasses
import io
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from tfx_contrastive.consumers.search import Neighbor
from tfx_contrastive.contract.drawing import fitted, fitting_text, open_picture, paste_tile

_TILE, _GAP, _TEXT_LINES, _LINE = 96, 8, 2, 12
_CELL_HEIGHT = _TILE + _TEXT_LINES * _LINE + _GAP
_MARGIN = 12
_BACKGROUND, _QUERY, _TEXT, _QUIET = "white", "#c0392b", "#222222", "#777777"
_TILE_GROUND = "#f0f0f0"


@dataclasses.dataclass(frozen=True)
class Cell:
    """A tile of a contact sheet.

    Attributes:
        image: Encoded image; if Pillow can't read it, the tile stays empty.
        first: First line of text under the tile.
        second: Second line of text.
        is_marked: True to draw a frame around the tile.
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
    """Draw one row per query: the query, then its neighbors.

    Args:
        queries: Name and encoded image of each query, N.
        neighbors: Neighbors of each query, N.
        images: Encoded images of the neighbors, by `image_id`.

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
            for line, (text, color) in enumerate(((cell.first, _QUIET), (cell.second, _TEXT))):
                position = (left, top + _TILE + 3 + line * _LINE)
                draw.text(position, fitting_text(text, _TILE, draw, font, keep="end"), fill=color, font=font)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _tile(encoded: bytes) -> Image.Image | None:
    """Return a square tile with the picture in its middle; None if the image can't be decoded."""
    picture = open_picture(encoded, _TILE)
    if picture is None:
        return None
    picture = fitted(picture, _TILE)
    tile = Image.new("RGB", (_TILE, _TILE), _TILE_GROUND)
    left, top = (_TILE - picture.width) // 2, (_TILE - picture.height) // 2
    paste_tile(tile, picture, left, top, _TILE_GROUND)
    return tile

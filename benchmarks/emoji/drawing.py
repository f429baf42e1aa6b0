"""Draws the emoji set. A separate script, because it runs in an environment with CairoSVG.

`python drawing.py NODE_MODULES OUT` makes OUT/images/NAME--DESIGNER.png and OUT/names.csv.
"""

import collections
import csv
import json
import pathlib
import re
import sys
from typing import Any

import cairosvg

DESIGNERS = ("noto", "twemoji", "openmoji", "fluent-emoji-flat", "emojione")
_SIDE = 48
_MIN_DESIGNERS = 4
# Flags are the same by every designer, skin tones differ from each other by one color.
_LEFT_OUT = re.compile("skin-tone|^flag")


def main(node_modules: pathlib.Path, out: pathlib.Path) -> None:
    """Draw every name that at least four designers have, 48x48 on white, sorted by name."""
    sets = {
        designer: json.loads((node_modules / "@iconify-json" / designer / "icons.json").read_text())
        for designer in DESIGNERS
    }
    designers = collections.defaultdict(list)
    for designer, icons in sets.items():
        for name in icons["icons"]:
            if not _LEFT_OUT.search(name):
                designers[name].append(designer)
    (out / "images").mkdir(parents=True)
    with (out / "names.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", "name", "designer"))
        for name in sorted(designers):
            if len(designers[name]) < _MIN_DESIGNERS:
                continue
            for designer in designers[name]:
                path = f"{name}--{designer}.png"
                (out / "images" / path).write_bytes(draw(sets[designer], name))
                table.writerow((path, name, designer))


def draw(icons: dict[str, Any], name: str) -> bytes:
    """Return an icon in Iconify's format as PNG; sizes and offsets default to those of its set."""
    icon = icons["icons"][name]
    left, top, width, height = (
        icon.get(key, icons.get(key, default))
        for key, default in (("left", 0), ("top", 0), ("width", 16), ("height", 16))
    )
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {width} {height}" width="{_SIDE}" height="{_SIDE}">{icon["body"]}</svg>'
    )
    image = cairosvg.svg2png(svg.encode(), output_width=_SIDE, output_height=_SIDE, background_color="white")
    return bytes(image)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))

"""The emoji set: downloaded from npm, drawn once, read as arrays."""

import csv
import dataclasses
import hashlib
import os
import pathlib
import subprocess
import sys
import venv
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

# Versions are pinned: another one draws other images.
_PACKAGES = (
    "@iconify-json/noto@1.2.9",
    "@iconify-json/twemoji@1.2.5",
    "@iconify-json/openmoji@1.2.29",
    "@iconify-json/fluent-emoji-flat@1.2.6",
    "@iconify-json/emojione@1.2.3",
)
_CAIRO = "cairosvg==2.9.1"


@dataclasses.dataclass(frozen=True)
class EmojiSet:
    """The drawings, sorted by name.

    Attributes:
        images: uint8 [N, 48, 48, 3], on white.
        names: Name of each drawing, str [N]; used for measuring only.
        designers: Designer of each drawing, str [N].
    """

    images: npt.NDArray[Any]
    names: npt.NDArray[Any]
    designers: npt.NDArray[Any]

    def chosen_on(self) -> npt.NDArray[Any]:
        """Return the images on which settings were chosen, bool [N]: half of the names, by hash."""
        return np.array([hashlib.sha256(name.encode()).digest()[0] % 2 == 0 for name in self.names])


def read(cache: pathlib.Path) -> EmojiSet:
    """Return the set; make it first if the cache does not hold it.

    Needs `npm`, and libcairo2 (`apt-get install libcairo2`); CairoSVG is installed into a separate
    environment inside the cache.

    Args:
        cache: Folder outside the repository; the drawings go to `images/` and `names.csv` in `set/`.

    Returns:
        All drawings.
    """
    folder = cache / "set"
    if not folder.exists():
        _make(cache)
    with (folder / "names.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    images = [np.asarray(Image.open(folder / "images" / row["path"]).convert("RGB")) for row in rows]
    return EmojiSet(
        np.stack(images),
        np.array([row["name"] for row in rows]),
        np.array([row["designer"] for row in rows]),
    )


def _make(cache: pathlib.Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    # A package.json of its own: npm would install into a parent folder that has one.
    (cache / "package.json").write_text("{}\n")
    subprocess.run(["npm", "install", "--ignore-scripts", *_PACKAGES], cwd=cache, check=True)
    venv.create(cache / "cairosvg", with_pip=True, clear=True)
    python = cache / "cairosvg" / "bin" / "python"
    subprocess.run([python, "-I", "-m", "pip", "install", "--quiet", _CAIRO], check=True)
    half_made = cache / f"half-made-{os.getpid()}"
    script = pathlib.Path(__file__).with_name("drawing.py")
    subprocess.run([python, "-I", script, cache / "node_modules", half_made], check=True, stdout=sys.stderr)
    half_made.rename(cache / "set")

"""scikit-learn's bundled digits, for tests and for a first look: nothing to download."""

import os

import numpy as np

from tfx_contrastive.components.examples.records import UNSPLIT, ArrayBatch
from tfx_contrastive.components.image_example_gen.adapters import arrays, base
from tfx_contrastive.components.image_example_gen.config import DigitsSource
from tfx_contrastive.contract import files

_MAX_VALUE = 16  # scikit-learn's digits have 17 levels


class DigitsAdapter:
    """Reads the digits; class names are `0` to `9`."""

    def __init__(self, source: DigitsSource, max_file_bytes: int):
        del source, max_file_bytes  # there is one such data set, of 115 kB

    def listing(self) -> base.Listing:
        """Counts the labels."""
        pixels, labels = _load()
        return base.Listing(
            base.Content((), (pixels.tobytes().hex(), *labels)),
            *base.count_labels((UNSPLIT, label) for label in labels),
        )

    def chunks(self, staging_dir: str, chunk_images: int) -> list[arrays.ArrayPart]:
        """Writes the pixels where a worker can read them."""
        pixels, labels = _load()
        path = os.path.join(staging_dir, "digits.raw")
        with files.create_binary(path) as file:
            file.write(pixels.tobytes())
        part = arrays.ArrayPart("digits", UNSPLIT, path, 0, "uint8", pixels.shape, labels)
        return arrays.divide(part, chunk_images)

    def read(self, chunk: arrays.ArrayPart) -> ArrayBatch:
        """Reads a part of them."""
        return arrays.read(chunk)


def _load() -> tuple[np.ndarray, list[str]]:
    """Pixels as uint8 [1797, 8, 8], and the class names."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    pixels = np.rint(bunch.images * (255 / _MAX_VALUE)).astype(np.uint8)
    return pixels, [str(value) for value in bunch.target]

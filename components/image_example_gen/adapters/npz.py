"""A NumPy archive of images and labels."""

import contextlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from components.image_example_gen import files
from components.image_example_gen.adapters import arrays, base
from components.image_example_gen.config import NpzSource
from components.image_example_gen.errors import DataError
from components.image_example_gen.records import EVAL, TEST, TRAIN, UNSPLIT, ArrayBatch

# Array of images, array of labels, split.
_LAYOUT = (
    ("x_train", "y_train", TRAIN),
    ("x_val", "y_val", EVAL),
    ("x_test", "y_test", TEST),
    ("images", "labels", UNSPLIT),
)


class NpzAdapter:
    """Reads `x_train`, `y_train`, `x_val`, `y_val`, `x_test`, `y_test`, or `images`, `labels`."""

    def __init__(self, source: NpzSource, max_file_bytes: int):
        del max_file_bytes  # one file holds many images
        self._path = source.path
        self._class_names = source.class_names

    def listing(self) -> base.Listing:
        """Reads the labels, and the headers of the images."""
        pairs = []
        with self._open() as archive:
            for images, labels, split in self._present(archive):
                shape = _header(archive, images)[0]
                pairs += [(split, label) for label in self._labels(archive, labels, shape[0])]
        info = base.require_file(self._path, "the NumPy archive")
        return base.Listing(base.Content((info,), self._class_names), *base.count_labels(pairs))

    def chunks(self, staging_dir: str, chunk_images: int) -> list[arrays.ArrayPart]:
        """Unpacks the images, so that a chunk can be read by position, and cuts the arrays."""
        chunks = []
        with self._open() as archive:
            for images, labels, split in self._present(archive):
                shape, dtype, offset = _header(archive, images)
                path = os.path.join(staging_dir, f"{images}.npy")
                with archive.open(f"{images}.npy") as packed, files.create_binary(path) as unpacked:
                    shutil.copyfileobj(packed, unpacked, 1 << 20)
                names = self._labels(archive, labels, shape[0])
                part = arrays.ArrayPart(images, split, path, offset, dtype, shape, names)
                chunks += arrays.divide(part, chunk_images)
        return chunks

    def read(self, chunk: arrays.ArrayPart) -> ArrayBatch:
        """Reads a part of one array."""
        return arrays.read(chunk)

    @contextlib.contextmanager
    def _open(self) -> Iterator[zipfile.ZipFile]:
        base.require_file(self._path, "the NumPy archive")
        try:
            with files.open_binary(self._path) as file, zipfile.ZipFile(file) as archive:
                yield archive
        except (zipfile.BadZipFile, EOFError) as error:
            raise DataError(f"Received {self._path}, which is no NumPy archive: {error}.") from error

    def _present(self, archive: zipfile.ZipFile) -> list[tuple[str, str | None, str]]:
        names = {name.removesuffix(".npy") for name in archive.namelist()}
        found = [(x, y if y in names else None, split) for x, y, split in _LAYOUT if x in names]
        if not found:
            raise DataError(
                f"Received {self._path} with the arrays {', '.join(sorted(names)) or '(none)'}; "
                "expected x_train, y_train, x_test, y_test (and x_val, y_val), or images, labels."
            )
        return found

    def _labels(self, archive: zipfile.ZipFile, name: str | None, num_images: int) -> list[str | None]:
        if name is None:
            return [None] * num_images
        with archive.open(f"{name}.npy") as file:
            try:
                values = np.lib.format.read_array(file, allow_pickle=False)
            except ValueError as error:
                raise DataError(f"Received labels {name} that can't be read: {error}.") from error
        if len(values) != num_images:
            raise DataError(
                f"Received {len(values):,} labels {name} for {num_images:,} images; expected one for each."
            )
        return arrays.class_labels(values, self._class_names, f"labels {name}")


def _header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], str, int]:
    """Shape, type and offset of the first value of an array in the archive."""
    with archive.open(f"{name}.npy") as file:
        shape, fortran, dtype, offset = _read_header(file, name)
    arrays.check_shape(shape, f"images {name}")
    if fortran:
        raise DataError(
            f"Received images {name} in Fortran order; expected C order: save np.ascontiguousarray(...)."
        )
    return shape, dtype.str, offset


def _read_header(file: Any, name: str) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    try:
        version = np.lib.format.read_magic(file)
        reader = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = reader(file)
    except (ValueError, KeyError) as error:
        raise DataError(f"Received the array {name}, whose header can't be read: {error}.") from error
    return shape, fortran, dtype, file.tell()

"""Read a NumPy archive of images and labels."""

import contextlib
import dataclasses
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.components.examples.file_formats import HEAD_BYTES, name_format
from tfx_contrastive.components.image_example_gen.adapters import arrays, npz_arrays, source_files
from tfx_contrastive.components.image_example_gen.adapters.npz_arrays import find_pairs, passed_over
from tfx_contrastive.components.image_example_gen.class_names import class_labels
from tfx_contrastive.components.image_example_gen.config import NpzSource
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError

from ..records import ArrayBatch, Content, Listing, Sketch, count_labels


class NpzAdapter:
    """Reads `x_train`, `y_train`, …, or `images`, `labels`, and other names with the same meaning."""

    def __init__(self, source: NpzSource, max_file_bytes: int):
        del max_file_bytes  # one file holds many images
        self._path = source.path
        self._class_names = source.class_names

    def listing(self) -> Listing:
        """Read the labels, the headers of the images, and the values of images that are not of 8 bits."""
        with self._open() as archive:
            headers = _headers(archive)
            found = self._found(archive, headers)
            _scalings(found, [npz_arrays.whole_range(archive, images) for images in found])
            pairs = list(self._pairs(archive, found))
            return self._listing(headers, found, pairs)

    def sketch(self, num_images: int, seed: int) -> Sketch:
        """Read all labels, but only some images of large arrays."""
        with self._open() as archive:
            headers = _headers(archive)
            found = self._found(archive, headers)
            pairs = list(self._pairs(archive, found))
            rng = np.random.default_rng(seed)
            samples = [
                npz_arrays.sample(archive, images, num_images // len(found) + 1, rng) for images in found
            ]
            ranges = [
                arrays.range_of([values], images.dtype)
                for images, (values, _) in zip(found, samples, strict=True)
            ]
            scalings = _scalings(found, ranges)
            batches = [
                self._batch(archive, *each)
                for each in zip(found, samples, scalings, strict=True)
                if each[1][1]
            ]
            return Sketch(self._listing(headers, found, pairs), True, batches)

    def _listing(
        self,
        headers: Mapping[str, npz_arrays.Header],
        found: Sequence[npz_arrays.StoredImages],
        pairs: Sequence[tuple[str, str | None]],
    ) -> Listing:
        info = source_files.require_file(self._path, "the NumPy archive")
        warnings = passed_over(_shapes(headers), [images.pair for images in found])
        content = Content((info,), self._class_names)
        return Listing(content, *count_labels(pairs), warnings=warnings)

    def chunks(self, staging_dir: str, chunk_images: int) -> list[arrays.ArrayPart]:
        """Unpack the images so that a chunk can be read by position, and cut the arrays."""
        chunks = []
        with self._open() as archive:
            found = self._found(archive, _headers(archive))
            scalings = _scalings(found, [npz_arrays.whole_range(archive, images) for images in found])
            for images, scaling in zip(found, scalings, strict=True):
                path = os.path.join(staging_dir, f"{images.pair.images}.npy")
                npz_arrays.unpack(archive, images, path)
                part = arrays.ArrayPart(
                    images.pair.images,
                    images.pair.split,
                    path,
                    0 if images.fortran else images.offset,
                    images.dtype.str,
                    images.shape,
                    self._labels(archive, images.pair.labels, images.shape[0]),
                    scaling=scaling,
                    channels_first=arrays.check_shape(images.shape, images.what),
                )
                chunks += arrays.divide(part, chunk_images)
        return chunks

    def read(self, chunk: arrays.ArrayPart) -> ArrayBatch:
        """Read a part of one array."""
        return arrays.read(chunk)

    @contextlib.contextmanager
    def _open(self) -> Iterator[zipfile.ZipFile]:
        source_files.require_file(self._path, "the NumPy archive")
        try:
            with files.open_binary(self._path) as file:
                if not zipfile.is_zipfile(file):
                    file.seek(0)
                    head = file.read(HEAD_BYTES)
                    found = name_format(head) or f"no zip file: it starts with {head[:8].hex()}"
                    if head.startswith(b"PK"):
                        found = "a zip file without its end, cut or still being written"
                    raise DataError(
                        f"Received {self._path}, which is {found}; expected a NumPy archive as numpy.savez "
                        "writes it. Correct data.source, or save or copy it again."
                    )
                with zipfile.ZipFile(file) as archive:
                    yield archive
        except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
            raise DataError(
                f"Received the NumPy archive {self._path}, which is damaged: {error}. Save or copy it again."
            ) from error

    def _found(
        self, archive: zipfile.ZipFile, headers: Mapping[str, npz_arrays.Header]
    ) -> list[npz_arrays.StoredImages]:
        """Return the arrays of images with their headers; refuse arrays that can't be images."""
        if not headers:
            raise DataError(
                f"Received {self._path}, a zip file without any array; expected a NumPy archive as "
                "numpy.savez writes it. For a zip file of images set data.source.kind to archive."
            )
        found = []
        for pair in find_pairs(_shapes(headers), self._path):
            shape, fortran, dtype, offset = headers[pair.images]
            images = npz_arrays.StoredImages(self._path, pair, shape, dtype, fortran, offset)
            arrays.require_pixels(dtype, images.what)
            arrays.check_shape(shape, images.what)
            npz_arrays.require_whole(archive, images)
            found.append(images)
        return found

    def _pairs(
        self, archive: zipfile.ZipFile, found: Sequence[npz_arrays.StoredImages]
    ) -> Iterator[tuple[str, str | None]]:
        for images in found:
            for label in self._labels(archive, images.pair.labels, images.shape[0]):
                yield images.pair.split, label

    def _labels(self, archive: zipfile.ZipFile, name: str | None, num_images: int) -> list[str | None]:
        if name is None:
            return [None] * num_images
        what = f"the labels {name!r} of {self._path}"
        with archive.open(f"{name}.npy") as file:
            try:
                values = npz_arrays.read_array(file)
            except ValueError as error:
                if "Object arrays" in str(error):
                    raise DataError(
                        f"Received {what} of type object, which are stored as a pickle and could run any "
                        f"code when they are read; expected numbers or text: save {name}.astype(str)."
                    ) from error
                raise DataError(f"Received {what}, which can't be read: {error}.") from error
        if values.shape[:1] != (num_images,):
            count = f"{values.shape[0]:,} values" if values.ndim else "a single value"
            raise DataError(
                f"Received {what} with {count} for {num_images:,} images; expected one for each image. Are "
                "they of another array, or do the images lie along another axis than the first?"
            )
        return class_labels(values, self._class_names, what)

    def _batch(
        self,
        archive: zipfile.ZipFile,
        images: npz_arrays.StoredImages,
        sample: tuple[npt.NDArray[Any], Sequence[int]],
        scaling: arrays.Scaling,
    ) -> ArrayBatch:
        values, positions = sample
        labels = self._labels(archive, images.pair.labels, images.shape[0])
        return ArrayBatch(
            arrays.to_pixels(values, scaling, arrays.check_shape(images.shape, images.what)),
            [labels[i] for i in positions],
            [f"{images.pair.images}/{i}" for i in positions],
            images.pair.split,
        )


def _shapes(headers: Mapping[str, npz_arrays.Header]) -> dict[str, tuple[int, ...]]:
    return {name: header[0] for name, header in headers.items()}


def _headers(archive: zipfile.ZipFile) -> dict[str, npz_arrays.Header]:
    """Return the header of each array by name."""
    headers = {}
    for name in archive.namelist():
        if name.endswith(".npy"):
            with archive.open(name) as file:
                headers[name.removesuffix(".npy")] = npz_arrays.read_header(file, name)
    return headers


def _scalings(
    found: Sequence[npz_arrays.StoredImages], ranges: Sequence[arrays.ValueRange]
) -> list[arrays.Scaling]:
    """Return the conversion of each array to 8 bits: the same for all arrays of one type.

    Raises:
        DataError: If a range has no clear meaning, or differs from that of another array.
    """
    own = [arrays.scaling_of(each, images.what) for images, each in zip(found, ranges, strict=True)]
    floats = [i for i, images in enumerate(found) if images.dtype.kind == "f"]
    if len({own[i] for i in floats}) > 1:
        described = ", ".join(f"{found[i].what} from {ranges[i].low:g} to {ranges[i].high:g}" for i in floats)
        raise DataError(f"Received {described}; expected all in [0, 1], or all in [0, 255].")
    shift = max(scaling.shift for scaling in own)  # the same number of bits for every array
    return [
        dataclasses.replace(scaling, shift=shift)
        if images.dtype.itemsize == 2 and images.dtype.kind == "u"
        else scaling
        for images, scaling in zip(found, own, strict=True)
    ]

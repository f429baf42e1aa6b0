"""Read IDX files, the format of MNIST (http://yann.lecun.com/exdb/mnist)."""

import contextlib
import dataclasses
import gzip
import math
import os
import re
import shutil
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

import numpy as np

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.examples.file_formats import HEAD_BYTES, name_format
from tfx_contrastive.components.image_example_gen.adapters import arrays, source_files
from tfx_contrastive.components.image_example_gen.class_names import class_labels
from tfx_contrastive.components.image_example_gen.config import IdxSource
from tfx_contrastive.contract import file_info, files
from tfx_contrastive.contract.errors import DataError

from ..records import UNSPLIT, ArrayBatch, Content, Listing, count_labels

_IMAGES = re.compile(r"(?P<prefix>.+)[-_.]images[-_.]idx[34][-_.]ubyte(\.gz)?", re.IGNORECASE)
_LABELS = re.compile(r"(?P<prefix>.+)[-_.]labels[-_.]idx1[-_.]ubyte(\.gz)?", re.IGNORECASE)
_OTHER_LABELS = re.compile(r"labels[-_.]idx(?!1[-_.]ubyte)", re.IGNORECASE)
_UNSIGNED_BYTE = 0x08
_MOST_PACKED = 1032  # bytes per byte of a gzip file
_UNPACK_ERRORS = (OSError, EOFError, zlib.error)


class IdxAdapter:
    """Reads the IDX files of a directory; `train-…` and `t10k-…` (or `test-…`) keep their split."""

    def __init__(self, source: IdxSource, max_file_bytes: int):
        del max_file_bytes  # one file holds many images
        self._source = source
        self._class_names = source.class_names

    def listing(self) -> Listing:
        """Read the labels, and the header of the images."""
        infos, pairs = [], []
        for prefix, (images, labels) in _find(self._source).items():
            infos += [images, *([labels] if labels else [])]
            shape, _, _ = _images_header(images)
            pairs += [(_split(prefix), label) for label in self._labels(labels, shape[0])]
        return Listing(Content(tuple(infos), self._class_names), *count_labels(pairs))

    def chunks(self, staging_dir: str, chunk_images: int) -> list[arrays.ArrayPart]:
        """Unpack compressed files so that a chunk can be read by position, and cut the arrays."""
        chunks = []
        for prefix, (images, labels) in _find(self._source).items():
            shape, offset, first = _images_header(images)
            path = _unpacked(images, staging_dir)
            names = self._labels(labels, shape[0])
            part = arrays.ArrayPart(
                prefix, _split(prefix), path, offset, "uint8", shape, names, channels_first=first
            )
            chunks += arrays.divide(part, chunk_images)
        return chunks

    def read(self, chunk: arrays.ArrayPart) -> ArrayBatch:
        """Read a part of one file."""
        return arrays.read(chunk)

    def _labels(self, info: file_info.FileInfo | None, num_images: int) -> Sequence[str | None]:
        if info is None:
            return [None] * num_images
        with _open(info.path) as file:
            shape, _ = read_header(file, info.relative)
            values = np.frombuffer(_read(file, info.relative), np.uint8)
        if shape != (num_images,) or len(values) != num_images:
            raise DataError(
                f"Received {info.relative} with {len(values):,} labels for {num_images:,} images; "
                "expected one for each. One of the two files is truncated or of another data set."
            )
        return class_labels(values, self._class_names, f"labels {info.relative}")


def read_header(file: BinaryIO, name: str) -> tuple[tuple[int, ...], int]:
    """Read the header of an IDX file of unsigned bytes.

    Returns:
        The shape, and the offset of the first value.

    Raises:
        DataError: If it is no such file.
    """
    magic = _read(file, name, 4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != _UNSIGNED_BYTE:
        found = None if magic[:2] == b"\0\0" else name_format(magic + _read(file, name, HEAD_BYTES))
        raise DataError(
            f"Received {name}, which {f'is {found}' if found else f'starts with {magic.hex()}'}; "
            "expected the header of an IDX file of unsigned bytes (000008..)."
        )
    num_axes = magic[3]
    axes = _read(file, name, 4 * num_axes)
    if len(axes) < 4 * num_axes:
        raise DataError(f"Received {name}, which ends within its header; get it again.")
    return struct.unpack(f">{num_axes}I", axes), 4 + 4 * num_axes


def _images_header(info: file_info.FileInfo) -> tuple[tuple[int, ...], int, bool]:
    """Read the header of a file of images.

    Returns:
        The shape, the offset of the first pixel, and whether the channels come first.

    Raises:
        DataError: If it is no such file, or can't hold as many images as its header states.
    """
    with _open(info.path) as file:
        shape, offset = read_header(file, info.relative)
    first = arrays.check_shape(shape, f"images {info.relative}")
    num_bytes = offset + math.prod(shape)
    if num_bytes > info.size * (_MOST_PACKED if _is_packed(info.path) else 1):
        raise DataError(
            f"Received {info.relative} of {info.size:,} bytes, whose header states {shape[0]:,} images "
            f"({num_bytes:,} bytes): the file is truncated; get it again."
        )
    return shape, offset, first


def _find(source: IdxSource) -> dict[str, tuple[file_info.FileInfo, file_info.FileInfo | None]]:
    """Find the files: prefix -> images and their labels.

    Raises:
        DataError: If there are none, images and labels don't match, or there are several data sets.
    """
    root = source.path
    source_files.require_directory(root, "the directory of IDX files")
    infos = _unwrapped(list(source_files.walk(root)))
    images = _by_prefix(infos, _IMAGES, source.prefix)
    labels = _by_prefix(infos, _LABELS, source.prefix)
    if not images:
        prefix = f"{source.prefix}…-images" if source.prefix else "<prefix>-images"
        raise DataError(
            f"Received the directory {root}, in which no file is named {prefix}-idx3-ubyte[.gz]; "
            f"found {', '.join(info.relative for info in infos[:5]) or 'nothing'}."
        )
    other = [info.relative for info in infos if _OTHER_LABELS.search(info.relative)]
    if other and not labels:
        raise DataError(
            f"Received the directory {root}, whose labels {names.listed(other)} are of another kind; "
            "expected <prefix>-labels-idx1-ubyte[.gz], one byte for each image. Write the classes so, or "
            "take these files away to train without labels."
        )
    unlabeled = [prefix for prefix in images if prefix not in labels and not names.is_unlabeled(prefix)]
    alone = [labels[prefix].relative for prefix in labels if prefix not in images]
    if alone or (labels and unlabeled):
        found = [*alone, *(images[prefix].relative for prefix in unlabeled)]
        raise DataError(
            f"Received the directory {root}, in which {found[0]} has no "
            f"{'images' if alone else 'labels'} of the same name beside it; expected <prefix>-images-idx3-"
            "ubyte with <prefix>-labels-idx1-ubyte. Get the other file, or name images without labels "
            "unlabeled-images-idx3-ubyte."
        )
    sets = sorted({re.sub(r"[-_.]?[^-_.]*$", "", prefix) for prefix in images if _split(prefix)})
    if len(sets) > 1:
        raise DataError(
            f"Received the directory {root}, which holds several data sets: {names.listed(sets)}; "
            f"expected one. Write data.source.prefix: {sets[-1]}- to read that one."
        )
    return {prefix: (info, labels.get(prefix)) for prefix, info in sorted(images.items())}


def _unwrapped(infos: list[file_info.FileInfo]) -> list[file_info.FileInfo]:
    """Return the files of the directory that holds IDX files: the root, or one below it.

    If each file lies in a directory of its own, as Kaggle unpacks them, return all of them.
    """
    found = [info for info in infos if _IMAGES.fullmatch(info.relative.rpartition("/")[2])]
    directories = {info.relative.rpartition("/")[0] for info in found}
    if not directories or "" in directories:
        return [info for info in infos if "/" not in info.relative]
    if len(directories) > 1:
        found += [info for info in infos if _LABELS.fullmatch(info.relative.rpartition("/")[2])]
        directories = {info.relative.rpartition("/")[0] for info in found}
        if len({info.relative.rpartition("/")[2] for info in found}) < len(found):
            raise DataError(
                f"Received {names.listed(sorted(info.relative for info in found))}, IDX files of the same "
                "names in several directories; expected one data set. Let data.source.path name one of them."
            )
    return [
        dataclasses.replace(info, relative=info.relative.rpartition("/")[2])
        for info in infos
        if info.relative.rpartition("/")[0] in directories
    ]


def _by_prefix(
    infos: list[file_info.FileInfo], pattern: re.Pattern[str], prefix: str
) -> dict[str, file_info.FileInfo]:
    """Return prefix -> file for names that match; an unpacked file counts before a packed one."""
    packed_first = sorted(infos, key=lambda info: not info.relative.endswith(".gz"))
    matches = ((pattern.fullmatch(info.relative), info) for info in packed_first)
    return {match["prefix"]: info for match, info in matches if match and match["prefix"].startswith(prefix)}


def _split(prefix: str) -> str:
    return names.split_in_file_name(prefix) or UNSPLIT


def _is_packed(path: str) -> bool:
    """Return whether a file is compressed, whatever its name: browsers unpack and rename files."""
    with files.open_binary(path) as file:
        return file.read(2) == b"\x1f\x8b"


@contextlib.contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    """Open a file, and unpack it if it is compressed."""
    packed = _is_packed(path)
    with files.open_binary(path) as file:
        if packed:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast(BinaryIO, unpacked)
        else:
            yield file


def _read(file: BinaryIO, name: str, size: int = -1) -> bytes:
    try:
        return file.read(size)
    except _UNPACK_ERRORS as error:
        raise DataError(f"Received {name}, which can't be unpacked ({error}); get it again.") from error


def _unpacked(info: file_info.FileInfo, staging_dir: str) -> str:
    if not _is_packed(info.path):
        return info.path
    path = os.path.join(staging_dir, info.relative.removesuffix(".gz"))
    try:
        with _open(info.path) as packed, files.create_binary(path) as unpacked:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
    except _UNPACK_ERRORS as error:
        raise DataError(f"Received {info.path}, which can't be unpacked ({error}); get it again.") from error
    return path

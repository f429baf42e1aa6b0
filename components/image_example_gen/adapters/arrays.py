"""Images that a source holds as one array: chunks are read from an uncompressed file by position."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from components.image_example_gen import files
from components.image_example_gen.errors import DataError
from components.image_example_gen.records import ArrayBatch

_CHANNELS = (1, 3, 4)


@dataclasses.dataclass(frozen=True)
class ArrayPart:
    """One array of images in an uncompressed file.

    Attributes:
        name: Source of image i is `<name>/<i>`.
        split: The split of all of them.
        path: The file.
        offset: Bytes before the first pixel.
        dtype: NumPy's name of the type.
        shape: (N, H, W) or (N, H, W, C).
        labels: [N] class names; None where unknown.
        start: Position of the first image in the source.
    """

    name: str
    split: str
    path: str
    offset: int
    dtype: str
    shape: tuple[int, ...]
    labels: Sequence[str | None]
    start: int = 0


def check_shape(shape: tuple[int, ...], what: str) -> None:
    """Refuses what is no array of images.

    Raises:
        DataError: If the shape is not (N, H, W) or (N, H, W, C) with C in 1, 3, 4.
    """
    if len(shape) == 3 or (len(shape) == 4 and shape[3] in _CHANNELS):
        return
    raise DataError(
        f"Received {what} of shape {shape}; expected (images, height, width) or "
        "(images, height, width, channels) with 1, 3 or 4 channels."
    )


def divide(part: ArrayPart, chunk_images: int) -> list[ArrayPart]:
    """Cuts an array along its first axis."""
    num_images = part.shape[0]
    image_bytes = np.dtype(part.dtype).itemsize * math.prod(part.shape[1:])
    return [
        dataclasses.replace(
            part,
            offset=part.offset + start * image_bytes,
            shape=(min(chunk_images, num_images - start), *part.shape[1:]),
            labels=part.labels[start : start + chunk_images],
            start=start,
        )
        for start in range(0, num_images, chunk_images)
    ]


def read(part: ArrayPart) -> ArrayBatch:
    """Reads an array, or a part of one.

    Raises:
        DataError: If the file is too short, or the type can't be brought to 8 bits.
    """
    dtype = np.dtype(part.dtype)
    num_bytes = dtype.itemsize * math.prod(part.shape)
    with files.open_binary(part.path) as file:
        file.seek(part.offset)
        data = file.read(num_bytes)
    if len(data) < num_bytes:
        raise DataError(
            f"{part.name} ends after {len(data):,} of {num_bytes:,} bytes from image {part.start}: "
            "the file is truncated; get it again."
        )
    pixels = to_uint8(np.frombuffer(data, dtype).reshape(part.shape), part.name)
    if pixels.ndim == 3:
        pixels = pixels[..., np.newaxis]  # [N, H, W] -> [N, H, W, 1]
    sources = [f"{part.name}/{i}" for i in range(part.start, part.start + part.shape[0])]
    return ArrayBatch(pixels, part.labels, sources, part.split)


def to_uint8(pixels: np.ndarray, what: str) -> np.ndarray:
    """Brings pixels to 8 bits.

    Args:
        pixels: uint8 as it is; uint16 keeps the high byte; bool becomes 0 or 255; float in [0, 1] is
            scaled and rounded.
        what: How to call the array in an error.

    Raises:
        DataError: If the type is another, or a float is outside [0, 1].
    """
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.newbyteorder("=") == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    if pixels.dtype == np.bool_:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype.kind == "f":
        if pixels.size and not (pixels.min() >= 0 and pixels.max() <= 1):
            raise DataError(
                f"Received {what} with floats from {pixels.min()} to {pixels.max()}; "
                "expected values in [0, 1]. Scale them, or store 8-bit integers."
            )
        return np.rint(pixels * 255).astype(np.uint8)
    raise DataError(
        f"Received {what} of type {pixels.dtype}; expected uint8, uint16, bool or float in [0, 1]."
    )


def class_labels(values: np.ndarray, class_names: Sequence[str], what: str) -> list[str | None]:
    """Class names of numeric or text labels.

    Args:
        values: [N] integers (negative: unlabelled) or text (empty: unlabelled).
        class_names: Name of class 0, 1, …; empty: the number itself.
        what: How to call the labels in an error.

    Raises:
        DataError: If a label has no name, or the type is neither.
    """
    values = np.asarray(values)
    if values.ndim == 2 and values.shape[1] == 1:  # as CIFAR's files have them
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "iuUS":
        raise DataError(
            f"Received {what} of type {values.dtype} and shape {values.shape}; "
            "expected one integer or one text for each image."
        )
    if values.dtype.kind == "S":
        return [value.decode("utf-8") or None for value in values.tolist()]
    if values.dtype.kind == "U":
        return [value or None for value in values.tolist()]
    if class_names and values.size and values.max() >= len(class_names):
        raise DataError(
            f"Received {what} up to {values.max()}, but {len(class_names)} class_names; "
            "name every class, from 0 on, or none."
        )
    unique, positions = np.unique(values, return_inverse=True)
    names = [_name(int(value), class_names) for value in unique]
    return [names[position] for position in positions.tolist()]


def _name(value: int, class_names: Sequence[str]) -> str | None:
    if value < 0:
        return None
    return class_names[value] if class_names else str(value)

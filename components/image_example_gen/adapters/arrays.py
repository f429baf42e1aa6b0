"""Images that a source holds as one array: read in chunks, by position in an uncompressed file."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from tfx_contrastive.components.image_example_gen.adapters.array_values import UNCHANGED, Scaling, to_uint8
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError

from ..records import ArrayBatch

_CHANNELS = (1, 3, 4)


@dataclasses.dataclass(frozen=True)
class ArrayPart:
    """One array of images, or a part of it, in an uncompressed file.

    Attributes:
        name: Image i has the source `<name>/<i>`.
        split: The split of all images.
        path: The file.
        offset: Number of bytes before the first pixel.
        dtype: NumPy's name of the type.
        shape: (N, H, W), (N, H, W, C), or (N, C, H, W) with `channels_first`.
        labels: [N] class names; None where unknown.
        start: Index of the first image in the source.
        scaling: The conversion of the values to 8 bits.
        channels_first: Whether the channels come before height and width.
    """

    name: str
    split: str
    path: str
    offset: int
    dtype: str
    shape: tuple[int, ...]
    labels: Sequence[str | None]
    start: int = 0
    scaling: Scaling = UNCHANGED
    channels_first: bool = False


def check_shape(shape: tuple[int, ...], what: str) -> bool:
    """Refuse an array that can't be images.

    Returns:
        Whether the channels come first: (N, C, H, W), where the last axis can't be channels.

    Raises:
        DataError: If the shape is neither (N, H, W) nor (N, H, W, C) nor (N, C, H, W) with C in 1, 3, 4.
    """
    if min(shape[1:], default=0) > 0:
        if len(shape) == 3 and not _is_one_image(shape):
            return False
        if len(shape) == 4 and shape[3] in _CHANNELS:
            return False
        if len(shape) == 4 and shape[1] in _CHANNELS and min(shape[2:]) > max(_CHANNELS):
            return True
    raise DataError(
        f"Received {what} of shape {shape}; expected (images, height, width) or "
        f"(images, height, width, channels) with 1, 3 or 4 channels.{_shape_hint(shape)}"
    )


def _is_one_image(shape: tuple[int, ...]) -> bool:
    """Return whether three axes are height, width and channels of one color image."""
    return shape[2] in _CHANNELS[1:] and min(shape[:2]) > 2 * max(_CHANNELS)


def _shape_hint(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and _is_one_image(shape):
        return " Is this one image? Save images[None], or images[..., None] if it is many of this width."
    if len(shape) == 2:
        for channels in (1, 3, 4):
            side = math.isqrt(shape[1] // channels)
            if side > 1 and side * side * channels == shape[1]:
                layout = f"{shape[0]}, {side}, {side}" + (f", {channels}" if channels > 1 else "")
                return f" Are these flat images? Save images.reshape({layout})."
        return " Are these flat images? Save them with their height and width."
    if len(shape) == 4 and shape[3] == 2:
        return " Two channels (gray and alpha?) have no one meaning: save the gray one, or three."
    if len(shape) == 4 and shape[2] in _CHANNELS:
        return " Are the images along the last axis? Save numpy.moveaxis(images, -1, 0)."
    return ""


def divide(part: ArrayPart, chunk_images: int) -> list[ArrayPart]:
    """Cut an array along its first axis."""
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
    """Read an array, or a part of one.

    Raises:
        DataError: If the file is too short.
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
    values = np.frombuffer(data, dtype).reshape(part.shape)
    if part.channels_first:
        values = values.transpose(0, 2, 3, 1)  # [N, C, H, W] -> [N, H, W, C]
    pixels = to_uint8(values, part.scaling)
    if pixels.ndim == 3:
        pixels = pixels[..., np.newaxis]  # [N, H, W] -> [N, H, W, 1]
    sources = [f"{part.name}/{i}" for i in range(part.start, part.start + part.shape[0])]
    return ArrayBatch(pixels, part.labels, sources, part.split)

"""Images that a source holds as one array: their shapes, conversion to 8 bits, and reading in chunks."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError

from ..records import ArrayBatch

_CHANNELS = (1, 3, 4)
_MAX_8_BITS = 255
_BITS_OF_CAMERAS = (8, 10, 12, 14, 16)
_ROUNDING = 1e-4  # floats that were scaled to [0, 1] may miss it by this much
_FULL_RANGE = 127  # floats above 1 count as 0 to 255 if they use half of that range


@dataclasses.dataclass(frozen=True)
class ValueRange:
    """The range of the values in an array of pixels.

    Attributes:
        dtype: The type of the values.
        low: The smallest value.
        high: The greatest value.
        num_not_finite: The number of values that are NaN or infinite.
    """

    dtype: np.dtype[Any]
    low: float = 0.0
    high: float = 0.0
    num_not_finite: int = 0


@dataclasses.dataclass(frozen=True)
class Scaling:
    """The conversion of values to 8 bits.

    Attributes:
        factor: Values are multiplied by it, then rounded and cut to [0, 255].
        shift: Integers are shifted right by this number of bits instead, if it is not 0.
    """

    factor: float = 1.0
    shift: int = 0


UNCHANGED = Scaling()


def is_8_bit(dtype: np.dtype[Any]) -> bool:
    """Return whether the type alone tells how to read the pixels."""
    return dtype == np.uint8 or dtype == np.bool_


def require_pixels(dtype: np.dtype[Any], what: str) -> None:
    """Refuse types that can't hold pixels.

    Raises:
        DataError: For objects, complex numbers, text, dates and records.
    """
    if dtype.hasobject:
        raise DataError(
            f"Received {what} of type object, which is stored as a pickle and could run any code when it is "
            "read; expected an array of numbers. Save images of one size as uint8 with numpy.stack, and "
            "images of several sizes as files in folders."
        )
    if dtype.kind not in "uifb":
        kind = "complex numbers" if dtype.kind == "c" else f"type {dtype}"
        raise DataError(
            f"Received {what} of {kind}; expected uint8, other integers from 0 to 255, or floats."
        )


def range_of(blocks: Iterable[npt.NDArray[Any]], dtype: np.dtype[Any]) -> ValueRange:
    """Return the range of an array that comes in blocks."""
    low, high, num_not_finite = math.inf, -math.inf, 0
    for block in blocks:
        if dtype.kind == "f":
            finite = np.isfinite(block)
            if not finite.all():
                num_not_finite += int(finite.size - np.count_nonzero(finite))
                block = block[finite]
        if block.size:
            low, high = min(low, float(block.min())), max(high, float(block.max()))
    return ValueRange(dtype, *((low, high) if low <= high else (0.0, 0.0)), num_not_finite)


def scaling_of(found: ValueRange, what: str) -> Scaling:
    """Return the conversion to 8 bits for an array of this range.

    Args:
        found: Type and range of the whole array.
        what: Name of the array for error messages.

    Returns:
        bool becomes 0 and 255, integers in [0, 255] stay, uint16 keeps the 8 high bits of the 10, 12, 14
        or 16 that it uses; floats in [0, 1] are multiplied by 255, floats in [0, 255] are rounded.

    Raises:
        DataError: If the range has no clear meaning.
    """
    require_pixels(found.dtype, what)
    if found.num_not_finite:
        raise DataError(
            f"Received {what} with {found.num_not_finite:,} values that are NaN or infinite; expected "
            "numbers only. Leave those images out, or replace the values, for example with numpy.nan_to_num."
        )
    if found.dtype == np.bool_:
        return Scaling(_MAX_8_BITS)
    if found.dtype.kind in "ui":
        return _of_integers(found, what)
    if found.low >= -_ROUNDING and found.high <= 1 + _ROUNDING:
        return Scaling(_MAX_8_BITS)
    if found.low >= 0 and _FULL_RANGE < found.high <= _MAX_8_BITS:
        return Scaling()
    hint = "Scale them, or store 8-bit integers."
    if -1 - _ROUNDING <= found.low < 0 and found.high <= 1 + _ROUNDING:
        hint = "They look as if scaled to [-1, 1]: store (x + 1) / 2."
    elif found.low < 0:
        hint = "They look as if standardized: store the pixels as they were before that."
    raise DataError(
        f"Received {what} with floats from {found.low:g} to {found.high:g}; expected values in [0, 1], or in "
        f"[0, 255] with the greatest above {_FULL_RANGE}. {hint}"
    )


def _of_integers(found: ValueRange, what: str) -> Scaling:
    if found.low >= 0 and found.high <= _MAX_8_BITS:
        return Scaling()
    if found.dtype.kind == "u" and found.dtype.itemsize == 2:
        bits = next(bits for bits in _BITS_OF_CAMERAS if found.high < 1 << bits)
        return Scaling(shift=bits - 8)
    raise DataError(
        f"Received {what} of type {found.dtype.name} with values from {found.low:.0f} to {found.high:.0f}; "
        "expected integers from 0 to 255, or uint16. Store them as uint8, or with more bits as uint16."
    )


def to_uint8(pixels: npt.NDArray[Any], scaling: Scaling) -> npt.NDArray[Any]:
    """Convert pixels to 8 bits."""
    if pixels.dtype == np.uint8:
        return pixels
    if scaling.shift:
        shifted: npt.NDArray[Any] = (pixels >> scaling.shift).astype(np.uint8)
        return shifted
    if pixels.dtype.kind in "ui":
        return pixels.astype(np.uint8)
    scaled: npt.NDArray[Any] = (
        np.rint(pixels * np.float64(scaling.factor)).clip(0, _MAX_8_BITS).astype(np.uint8)
    )
    return scaled


def to_pixels(values: npt.NDArray[Any], scaling: Scaling, channels_first: bool) -> npt.NDArray[Any]:
    """Convert values to uint8 [N, H, W, C].

    Args:
        values: [N, H, W], [N, H, W, C], or [N, C, H, W] with `channels_first`.
        scaling: The conversion to 8 bits.
        channels_first: Whether the channels come before height and width.
    """
    if channels_first:
        values = values.transpose(0, 2, 3, 1)
    pixels = to_uint8(values, scaling)
    return pixels if pixels.ndim == 4 else pixels[..., np.newaxis]


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
    pixels = to_pixels(np.frombuffer(data, dtype).reshape(part.shape), part.scaling, part.channels_first)
    sources = [f"{part.name}/{i}" for i in range(part.start, part.start + part.shape[0])]
    return ArrayBatch(pixels, part.labels, sources, part.split)

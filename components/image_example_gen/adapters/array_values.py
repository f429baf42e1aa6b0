"""Convert array values: pixels of many types to 8 bits, labels of many types to class names."""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.contract.errors import DataError

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
    """The conversion of values to 8 bits: multiplied, rounded, cut to [0, 255]; or shifted, for integers."""

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


def class_labels(values: npt.NDArray[Any], class_names: Sequence[str], what: str) -> list[str | None]:
    """Convert numeric or text labels to class names.

    Args:
        values: [N] or [N, 1] whole numbers (negative: unlabeled), booleans, or text (empty: unlabeled).
        class_names: Names of class 0, 1, …; empty: the number is the name.
        what: Name of the labels for error messages.

    Raises:
        DataError: If a label has no name, or the values can't be class labels.
    """
    values = np.asarray(values)
    if values.ndim == 2 and values.shape[1] == 1:  # as CIFAR's and MedMNIST's files have them
        values = values[:, 0]
    if values.ndim == 2 and values.dtype.kind in "biuf":
        raise DataError(f"Received {what} of shape {values.shape}; {_vector_hint(values)}")
    if values.ndim != 1 or values.dtype.kind not in "biufUS":
        raise DataError(
            f"Received {what} of type {values.dtype} and shape {values.shape}; "
            "expected one whole number or one text per image."
        )
    if values.dtype.kind in "SU":
        return _of_texts(values, class_names, what)
    if values.dtype.kind == "f":
        odd = ~np.isfinite(values) | (values != np.rint(values))
        if odd.any():
            first = int(np.argmax(odd))
            raise DataError(
                f"Received {what} with {values[first]:g} for image {first}; expected whole numbers or text. "
                "Figures such as scores are no classes; write -1 where the class is unknown."
            )
    if class_names and values.size and values.max() >= len(class_names):
        raise DataError(
            f"Received {what} up to {int(values.max())}, but {len(class_names)} class_names; "
            "name every class, from 0 on, or none."
        )
    unique, positions = np.unique(values, return_inverse=True)
    names = [_name(int(value), class_names) for value in unique]
    return [names[position] for position in positions.tolist()]


def _of_texts(values: npt.NDArray[Any], class_names: Sequence[str], what: str) -> list[str | None]:
    texts = values.tolist()
    if values.dtype.kind == "S":
        try:
            texts = [value.decode("utf-8") for value in texts]
        except UnicodeDecodeError as error:
            raise DataError(f"Received {what}, which are not UTF-8: {error}. Save them as text.") from error
    require_known(texts, class_names, f"Received {what}")
    return [text or None for text in texts]


def require_known(texts: Iterable[str], class_names: Sequence[str], what: str) -> None:
    """Refuse text labels that are not among the configured class names.

    Raises:
        DataError: If there is such a label.
    """
    unknown = next((text for text in texts if text and text not in class_names), None)
    if class_names and unknown is not None:
        raise DataError(
            f"{what} that are text, such as {unknown!r}, which is none of data.source.class_names "
            f"({', '.join(map(repr, class_names[:5]))}{', …' if len(class_names) > 5 else ''}). Those name "
            "numbers: correct them, or remove class_names."
        )


def _vector_hint(values: npt.NDArray[Any]) -> str:
    expected = "expected one class per image. "
    ones = (values == 1).sum(axis=1)
    if not np.isin(values, (0, 1)).all():
        return f"{expected}Are these scores? Save labels.argmax(axis=1) if the greatest names the class."
    if (ones == 1).all():
        return f"{expected}These are one-hot vectors: save labels.argmax(axis=1)."
    first = int(np.argmax(ones != 1))
    return (
        f"{expected}Image {first} has {ones[first]} ones: these are multi-hot vectors, and several labels "
        "for one image (multi-label) are not supported."
    )


def _name(value: int, class_names: Sequence[str]) -> str | None:
    if value < 0:
        return None
    return class_names[value] if class_names else str(value)

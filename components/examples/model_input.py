"""The model's view of an image: the rules of the Transform graph in NumPy, for use before there is a model.

`trainer_module/images.py` applies the same rules in the graph; tests/test_pixels.py compares the two.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tfx_contrastive.contract.errors import Reason, RejectedError
from tfx_contrastive.contract.frozen import Frozen

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_GLANCE = 64  # rows and columns to look at first
BIT_DEPTHS = (8, 10, 12, 14, 16)


class SeenAs(Frozen):
    """The model's view of an image; the pipeline sets it from the `image` section of the configuration."""

    ground: tuple[int, int, int] = Field((255, 255, 255), description="of transparent pixels, 0 to 255")
    bit_depth: int = Field(16, ge=8, le=16, description="bits that are used in files of 16 bits per value")
    channels: Literal[1, 3, 4] = Field(4, description="with 4, alpha is kept")


def to_8_bits(values: npt.NDArray[Any], bit_depth: int) -> npt.NDArray[Any]:
    """Return the 8 highest of the bits that are used; greater values become white.

    Args:
        values: uint16, any shape.
        bit_depth: Number of bits that are used, 8 to 16.
    """
    return np.minimum(values >> (bit_depth - 8), 255).astype(np.uint8)


def on_ground(pixels: npt.NDArray[Any], seen_as: SeenAs) -> npt.NDArray[Any]:
    """Lay images with alpha on the background color; leave other images as they are.

    Args:
        pixels: uint8 [..., C], C in {1, 3, 4}.
        seen_as: The model's view.

    Returns:
        uint8 [..., C], C in {1, 3}.
    """
    if pixels.shape[-1] != 4:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint16)  # enough for 255 * 255 + 127
    laid = pixels[..., :3] * alpha
    laid += np.array(seen_as.ground, np.uint16) * (255 - alpha)
    laid += 127
    laid //= 255
    return laid.astype(np.uint8)


def as_seen(pixels: npt.NDArray[Any], seen_as: SeenAs) -> npt.NDArray[Any]:
    """Convert an image to the model's channels and background, without resizing.

    Args:
        pixels: uint8 [H, W, C], C in {1, 3, 4}.
        seen_as: The model's view.

    Returns:
        uint8 [H, W, C]; a gray image keeps one channel, which a model of more channels repeats.
    """
    if seen_as.channels == 4:
        return pixels
    pixels = on_ground(pixels, seen_as)
    if seen_as.channels == 1 and pixels.shape[-1] == 3:
        gray: npt.NDArray[Any] = np.rint(pixels @ _LUMA)[..., np.newaxis].astype(np.uint8)
        return gray
    return pixels


def require_something(pixels: npt.NDArray[Any], seen_as: SeenAs, values: npt.NDArray[Any] | None) -> None:
    """Refuse an image that is a single color in the model's view.

    Args:
        pixels: uint8 [H, W, C], C in {1, 3, 4}.
        seen_as: The model's view.
        values: The values of 16 bits from which the pixels were made; None if there are none.

    Raises:
        RejectedError: With the reason `blank` and the cause.
    """
    rows, columns = (slice(None, None, max(1, side // _GLANCE)) for side in pixels.shape[:2])
    if not _is_blank(as_seen(pixels[rows, columns], seen_as)) or not _is_blank(as_seen(pixels, seen_as)):
        return
    height, width = pixels.shape[:2]
    if not _is_blank(pixels):
        cause = "but for transparency, " if pixels.shape[-1] == 4 else "as gray, "
        way_out = "try image.channels: 3"
        if pixels.shape[-1] == 4:
            red, green, blue = seen_as.ground
            other = "black" if red + green + blue > 382 else "white"
            way_out = (
                f"its drawing has the color of the ground on which it is laid: try image.background: {other}"
            )
        detail = f"{cause}all {width}x{height} pixels are the same; {way_out}"
    elif values is not None and values.min() < values.max():
        detail = (
            f"all {width}x{height} pixels are the same in their 8 high bits, values from {values.min():,} to "
            f"{values.max():,} of {2**seen_as.bit_depth:,}: write image.bit_depth, the bits that "
            f"your images use, here {bits_of(int(values.max()))} or more"
        )
    else:
        detail = f"all {width}x{height} pixels are the same"
    raise RejectedError(Reason.BLANK, detail)


def blank_images(pixels: npt.NDArray[Any], seen_as: SeenAs) -> dict[int, RejectedError]:
    """Find the images of an array that are a single color in the model's view.

    Args:
        pixels: uint8 [N, H, W, C], C in {1, 3, 4}.
        seen_as: The model's view.

    Returns:
        Index of each such image, with the error that `require_something` raises for it.
    """
    flat = pixels.reshape(len(pixels), -1, pixels.shape[-1])
    # The conversion may make images blank.
    is_converted = pixels.shape[-1] > seen_as.channels
    suspects = range(len(pixels)) if is_converted else np.flatnonzero((flat == flat[:, :1]).all(axis=(1, 2)))
    found = {}
    for i in suspects:
        try:
            require_something(pixels[i], seen_as, None)
        except RejectedError as error:
            found[int(i)] = error
    return found


def unused_bits(deepest: int, bit_depth: int) -> str:
    """Return a warning about bits that no image uses; empty if all are used.

    Args:
        deepest: The greatest value in images of 16 bits per value; 0 if there are no such images.
        bit_depth: The configured number of bits.
    """
    bits = bits_of(deepest)
    if not deepest or bits >= bit_depth:
        return ""
    levels = (deepest >> (bit_depth - 8)) + 1
    return (
        f"images of 16 bits per value have none above {deepest:,}, of which {levels} "
        f"of 256 levels of gray are left: write image.bit_depth: {bits} if they never use more"
    )


def bits_of(value: int) -> int:
    """Return the smallest bit depth, of those that a configuration may state, that holds a value."""
    return next(bits for bits in BIT_DEPTHS if value < 1 << bits)


def _is_blank(pixels: npt.NDArray[Any]) -> bool:
    return bool((pixels == pixels[0, 0]).all())

"""Decode one image for training, or raise the reason why it can't be used."""

import dataclasses
import posixpath
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from tfx_contrastive.components.examples import file_formats, model_input, names, opening, tensorflow_images
from tfx_contrastive.components.examples.model_input import SeenAs
from tfx_contrastive.contract.errors import Reason, RejectedError

from .png import encode_png

# Pillow itself refuses to open more (twice its MAX_IMAGE_PIXELS): no camera takes such an image.
BOMB_PIXELS = 178_956_970

# JPEG decoders differ by rounding; a greater mean difference (of 255) means another image.
_MAX_MEAN_DIFFERENCE = 4.0

_ALL = SeenAs()

# The graph reads the orientation of these from their headers as well, or they have none.
_TURNED_BY_HEADER = ("JPEG", "MPO", "PNG", "GIF", "BMP")

# Pillow scales gray values of these formats to 16 bits if the file states fewer.
_SCALED = ("JPEG2000", "PPM")

# Pillow's mode -> the mode of the pixels to keep, for images without transparency.
_MODES = {"1": "L", "L": "L", "LA": "RGBA", "La": "RGBA", "RGBA": "RGBA", "RGBa": "RGBA", "PA": "RGBA"}


@dataclasses.dataclass(frozen=True)
class DecodedImage:
    """An image that can be used.

    Attributes:
        encoded: The original bytes, or a PNG where TensorFlow would read other pixels from them.
        pixels: uint8 [H, W, C], C in {1, 3, 4}.
        deepest: See `Judged.deepest`.
    """

    encoded: bytes
    pixels: npt.NDArray[Any]
    deepest: int = 0


@dataclasses.dataclass(frozen=True)
class Judged:
    """The pixels of an image that can be used.

    Attributes:
        pixels: uint8 [H, W, C], C in {1, 3, 4}.
        deepest: The greatest gray or color value of an image with 16 bits per value; 0 for other images.
            An upper bound where the decoder keeps 8 bits only.
    """

    pixels: npt.NDArray[Any]
    deepest: int


def decode(
    data: bytes, source: str, checks_extension: bool, max_pixels: int, seen_as: SeenAs = _ALL
) -> DecodedImage:
    """Decode the first frame of an image for training: upright, 8 bits per channel.

    Args:
        data: A PNG, JPEG, BMP, GIF, WebP, TIFF, JPEG 2000, AVIF, PPM, PGM or PBM; with the extra `heic`
            also HEIC.
        source: The name of the image, whose extension may state a format.
        checks_extension: Whether the extension must state the real format.
        max_pixels: The largest allowed width times height.
        seen_as: The model's view of an image; an image with a single color in it is refused.

    Raises:
        RejectedError: If the image can't be used; holds the reason.
    """
    judged = judge(data, source, checks_extension, max_pixels, seen_as)
    if seen_as.bit_depth < tensorflow_images.MAX_BITS and tensorflow_images.is_deep_png(data):
        decoded = DecodedImage(encode_png(judged.pixels[np.newaxis])[0], judged.pixels)
    else:
        decoded = _for_the_graph(data, judged.pixels)
    return dataclasses.replace(decoded, deepest=judged.deepest)


def judge(
    data: bytes, source: str, checks_extension: bool, max_pixels: int, seen_as: SeenAs = _ALL
) -> Judged:
    """Check an image as `decode` does, without TensorFlow; `validate` uses this.

    Raises:
        RejectedError: If the image can't be used; holds the reason.
    """
    stored, bits = _stored(data, source, checks_extension, max_pixels, seen_as.bit_depth)
    is_deep = stored.dtype == np.uint16
    pixels = model_input.to_8_bits(stored, seen_as.bit_depth) if is_deep else stored
    deepest = 0
    if is_deep or bits == tensorflow_images.MAX_BITS:
        greatest = int(stored[..., :3].max())
        deepest = greatest if is_deep else greatest * 256 + 255
    try:
        model_input.require_something(pixels, seen_as, stored if is_deep else None)
    except RejectedError as error:
        error.deepest = deepest
        raise
    return Judged(pixels, deepest)


def for_model(
    data: bytes, max_pixels: int = BOMB_PIXELS, bit_depth: int = tensorflow_images.MAX_BITS
) -> bytes:
    """Convert an image to a format that a served model reads, as ImageExampleGen does for training.

    Args:
        data: An image in any format that `decode` accepts.
        max_pixels: The largest allowed width times height.
        bit_depth: Bits per value that the model uses, 8 to 16.

    Returns:
        The original bytes if the model reads their format, even if they are damaged; otherwise a PNG.

    Raises:
        RejectedError: If the image has another format and can't be decoded; holds the reason.
    """
    return data if tensorflow_images.is_read_alike(data) else as_png(data, max_pixels, bit_depth)


def size_of(data: bytes) -> tuple[int, int]:
    """Return width and height from the header; no pixel is decoded.

    Raises:
        RejectedError: If the bytes are no image; holds the reason.
    """
    with opening.opened(data) as image:
        return image.size


def as_png(data: bytes, max_pixels: int = BOMB_PIXELS, bit_depth: int = tensorflow_images.MAX_BITS) -> bytes:
    """Decode an image as for training, and encode its pixels as PNG.

    Args:
        data: An image in any format that `decode` accepts.
        max_pixels: The largest allowed width times height.
        bit_depth: Bits per value that the model uses, 8 to 16.

    Raises:
        RejectedError: If the image can't be decoded; holds the reason.
    """
    pixels, _ = _stored(data, "", False, max_pixels, bit_depth)
    if pixels.dtype == np.uint16:
        pixels = model_input.to_8_bits(pixels, bit_depth)
    return encode_png(pixels[np.newaxis])[0]


def _stored(
    data: bytes, source: str, checks_extension: bool, max_pixels: int, bit_depth: int
) -> tuple[npt.NDArray[Any], int]:
    """Return the pixels (see `_pixels`) and the number of bits per value that the file states."""
    if not data:
        raise RejectedError(Reason.EMPTY_FILE, "0 bytes")
    with opening.opened(data) as image:
        _check_header(image, data, source, checks_extension, max_pixels)
        bits = opening.bits_per_value(image, data)
        return _pixels(image, data, bits, bit_depth), bits


def _check_header(
    image: Image.Image, data: bytes, source: str, checks_extension: bool, max_pixels: int
) -> None:
    width, height = image.size
    if width * height > max_pixels:
        detail = f"{width}x{height} pixels; max_pixels allows {max_pixels:,}"
        raise RejectedError(Reason.OVER_PIXEL_LIMIT, detail)
    extension = posixpath.splitext(source)[1].lower()
    if opening.is_raw(data, extension) or opening.is_raw_tiff(image):
        raise RejectedError(Reason.NOT_AN_IMAGE, file_formats.RAW)
    # A name such as `boot.v2` states no format.
    states_a_format = extension in names.IMAGE_EXTENSIONS or extension in names.OTHER_EXTENSIONS
    allowed = opening.EXTENSIONS.get(extension, ())
    if checks_extension and states_a_format and image.format not in allowed:
        raise RejectedError(Reason.WRONG_EXTENSION, f"is {image.format}, but named {extension}")


def _pixels(image: Image.Image, data: bytes, bits: int, bit_depth: int) -> npt.NDArray[Any]:
    """Return upright pixels [H, W, C], uint8; uint16 if values of 16 bits still have to be cut to 8."""
    try:
        image.load()
        name = image.format or ""
        is_negative = opening.is_deep_negative(image)
        if name not in _TURNED_BY_HEADER:
            image = ImageOps.exif_transpose(image)  # a copy, which knows neither its format nor its bits
        stored = _as_stored(image, name, data, bits, bit_depth)
        if is_negative:
            white = np.uint16((1 << bit_depth) - 1)
            stored = white - np.minimum(stored, white)
        pixels = tensorflow_images.turn_upright(stored, tensorflow_images.orientation(data))
    except RejectedError:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on damaged bytes
        raise opening.damaged(error, data) from error
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _as_stored(image: Image.Image, name: str, data: bytes, bits: int, bit_depth: int) -> npt.NDArray[Any]:
    if image.mode == "F" or (image.mode == "I" and name not in ("PNG", "PPM")):
        raise RejectedError(
            Reason.UNREADABLE,
            f"{name} of 32 bits per pixel, of which none says what is black and what is white: scale "
            "it to 8 or 16 bits first",
        )
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64).clip(0, 65535).astype(np.uint16)
        if name not in _SCALED:
            return values
        return values >> (tensorflow_images.MAX_BITS - max(bits, bit_depth))
    if bit_depth < tensorflow_images.MAX_BITS and tensorflow_images.is_deep_png(data):
        return tensorflow_images.read_deep(data)  # Pillow keeps the high byte of several channels only
    if bits > max(bit_depth, 8) and name in ("TIFF", *_SCALED):
        raise RejectedError(
            Reason.UNREADABLE,
            f"{name} of {bits} bits and several channels, of which image.bit_depth: {bit_depth} "
            "can't be taken: save it as PNG",
        )
    mode = "RGBA" if "transparency" in image.info else _MODES.get(image.mode, "RGB")
    return np.asarray(image if image.mode == mode else image.convert(mode))


def _for_the_graph(data: bytes, pixels: npt.NDArray[Any]) -> DecodedImage:
    """Keep the bytes if the Transform graph reads the same pixels from them; otherwise encode a PNG."""
    read = tensorflow_images.read(data) if tensorflow_images.is_read_alike(data) else None
    if read is None:
        return DecodedImage(encode_png(pixels[np.newaxis])[0], pixels)
    # Pillow recognizes a GIF palette of grays, TensorFlow doesn't.
    is_gray_as_color = pixels.shape[-1] == 1 and read.shape == (*pixels.shape[:2], 3)
    if (read.shape == pixels.shape or is_gray_as_color) and (read == pixels).all():
        return DecodedImage(data, pixels)
    if data.startswith(tensorflow_images.JPEG_SIGNATURE):
        # Lossy: decoders round differently. Where they differ more, as for CMYK of unknown polarity, the
        # model's pixels count.
        alike = (
            read.shape == pixels.shape
            and np.abs(read.astype(np.int16) - pixels).mean() <= _MAX_MEAN_DIFFERENCE
        )
        return DecodedImage(data, pixels if alike else read)
    raise RejectedError(
        Reason.UNREADABLE, "Pillow and TensorFlow read different pixels from it: save it again as PNG"
    )

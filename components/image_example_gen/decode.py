"""Decodes one encoded image as strictly as a training run needs; says why one can't be used."""

import contextlib
import dataclasses
import io
import posixpath
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from components.image_example_gen.png import encode_png
from components.image_example_gen.records import Reason, RejectedError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
_EXTENSIONS = {
    ".png": ("PNG",),
    ".jpg": ("JPEG", "MPO"),  # MPO: a JPEG with more pictures behind the first
    ".jpeg": ("JPEG", "MPO"),
    ".bmp": ("BMP",),
    ".gif": ("GIF",),
    ".webp": ("WEBP",),
}
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"RIFF")

# Where Pillow itself refuses (twice its MAX_IMAGE_PIXELS): no camera makes such a picture.
BOMB_PIXELS = 178_956_970

# Two JPEG decoders differ by rounding; more than this mean difference (of 255) is another picture.
_MAX_MEAN_DIFFERENCE = 4.0

# Pillow's mode -> the mode of the pixels that we keep, where no transparency is involved.
_MODES = {"1": "L", "L": "L", "LA": "RGBA", "La": "RGBA", "RGBA": "RGBA", "RGBa": "RGBA", "PA": "RGBA"}


@dataclasses.dataclass(frozen=True)
class DecodedImage:
    """An image that can be used.

    Attributes:
        encoded: The bytes as they came, or a PNG where TensorFlow would read other pixels from those.
        pixels: uint8 [H, W, C], C in {1, 3, 4}.
    """

    encoded: bytes
    pixels: np.ndarray


def decode(data: bytes, source: str, checks_extension: bool, max_pixels: int) -> DecodedImage:
    """Decodes an image: first frame, upright, 8 bits a channel.

    Args:
        data: PNG, JPEG, BMP, GIF or WebP.
        source: Its name; the end may state a format.
        checks_extension: Whether a format stated there must be the real one.
        max_pixels: Width times height that is allowed.

    Raises:
        RejectedError: With the reason, if it can't be used.
    """
    pixels = judge(data, source, checks_extension, max_pixels)
    if _tensorflow_agrees(data, pixels):
        return DecodedImage(data, pixels)
    return DecodedImage(encode_png(pixels[np.newaxis])[0], pixels)


def judge(data: bytes, source: str, checks_extension: bool, max_pixels: int) -> np.ndarray:
    """Does what `decode` does before TensorFlow is needed; `validate` looks at images so.

    Returns:
        uint8 [H, W, C], C in {1, 3, 4}.

    Raises:
        RejectedError: With the reason, if the image can't be used.
    """
    if not data:
        raise RejectedError(Reason.EMPTY_FILE, "0 bytes")
    with _open(data) as image:
        _check_header(image, source, checks_extension, max_pixels)
        pixels = _pixels(image, data)
    if (pixels == pixels[0, 0]).all():
        height, width = pixels.shape[:2]
        raise RejectedError(Reason.BLANK, f"all {width}x{height} pixels are the same")
    return pixels


@contextlib.contextmanager
def _open(data: bytes) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # large images and damaged EXIF are judged here, not printed
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise RejectedError(Reason.DECOMPRESSION_BOMB, str(error)) from error
        except UnidentifiedImageError as error:
            if data.startswith(_MAGIC):
                raise RejectedError(Reason.TRUNCATED, f"the header is damaged ({len(data)} bytes)") from error
            raise RejectedError(Reason.NOT_AN_IMAGE, f"starts with {data[:8].hex()}") from error
        except Exception as error:
            raise _damaged(error, data) from error
        with image:
            yield image


def _check_header(image: Image.Image, source: str, checks_extension: bool, max_pixels: int) -> None:
    width, height = image.size
    if width * height > BOMB_PIXELS:
        raise RejectedError(Reason.DECOMPRESSION_BOMB, f"declares {width}x{height} pixels")
    if width * height > max_pixels:
        raise RejectedError(
            Reason.OVER_PIXEL_LIMIT,
            f"{width}x{height} pixels; max_pixels allows {max_pixels:,}",
        )
    extension = posixpath.splitext(source)[1].lower()
    if checks_extension and extension and image.format not in _EXTENSIONS.get(extension, ()):
        raise RejectedError(Reason.WRONG_EXTENSION, f"is {image.format}, but named {extension}")


def _pixels(image: Image.Image, data: bytes) -> np.ndarray:
    try:
        image.load()
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):  # 16 bits a pixel: keep the high byte, as TensorFlow does
            return (np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8)[..., np.newaxis]
        transparent = image.mode == "P" and "transparency" in image.info
        mode = "RGBA" if transparent else _MODES.get(image.mode, "RGB")
        pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    except RejectedError:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on damaged bytes
        raise _damaged(error, data) from error
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _damaged(error: Exception, data: bytes) -> RejectedError:
    text = str(error) or type(error).__name__
    detail = f"{text} ({len(data)} bytes)"
    if "decompressed data too large" in text.lower():
        return RejectedError(Reason.DECOMPRESSION_BOMB, detail)
    # A RIFF file (WebP) states its length, less the 8 bytes of its own header.
    is_short = data.startswith(b"RIFF") and int.from_bytes(data[4:8], "little") + 8 > len(data)
    if is_short or isinstance(error, EOFError) or "truncated" in text.lower():
        return RejectedError(Reason.TRUNCATED, detail)
    return RejectedError(Reason.UNREADABLE, detail)


def _tensorflow_agrees(data: bytes, pixels: np.ndarray) -> bool:
    """Whether `tf.io.decode_image`, which training and serving use, reads the same picture."""
    if data.startswith(b"RIFF"):
        return False  # WebP: not among TensorFlow's formats
    import tensorflow as tf

    with tf.device("CPU"):
        try:
            decoded: Any = tf.io.decode_image(data, expand_animations=False).numpy()
        except tf.errors.OpError:
            return False
    if decoded.shape != pixels.shape:
        return False
    if data.startswith(b"\xff\xd8"):  # JPEG is lossy: decoders may round differently
        return bool(np.abs(decoded.astype(np.int16) - pixels).mean() <= _MAX_MEAN_DIFFERENCE)
    return bool(np.array_equal(decoded, pixels))

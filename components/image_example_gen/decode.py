"""Decodes one encoded image as strictly as a training run needs; says why one can't be used."""

import contextlib
import dataclasses
import io
import posixpath
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from components.image_example_gen import by_tensorflow, headers, image_formats, names, seen
from components.image_example_gen.config import SeenAs
from components.image_example_gen.png import encode_png
from components.image_example_gen.records import Reason, RejectedError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "JPEG2000", "AVIF", "HEIF")
_JPEG = ("JPEG", "MPO")  # MPO: a JPEG with more pictures behind the first
_EXTENSIONS = {
    **dict.fromkeys((".png", ".apng"), ("PNG",)),
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".pjpeg", ".pjp", ".mpo"), _JPEG),
    **dict.fromkeys((".bmp", ".dib"), ("BMP",)),
    ".gif": ("GIF",),
    ".webp": ("WEBP",),
    **dict.fromkeys((".tif", ".tiff"), ("TIFF",)),
    **dict.fromkeys((".jp2", ".j2k", ".jpf", ".jpx", ".jpm", ".j2c", ".jpc"), ("JPEG2000",)),
    **dict.fromkeys((".avif", ".avifs"), ("AVIF",)),
    **dict.fromkeys((".heic", ".heics", ".heif", ".heifs", ".hif"), ("HEIF",)),
}
_TIFF = (b"II*\0", b"MM\0*")
_MAGIC = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF87a",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
)

# Where Pillow itself refuses (twice its MAX_IMAGE_PIXELS): no camera makes such a picture.
BOMB_PIXELS = 178_956_970

# Two JPEG decoders differ by rounding; more than this mean difference (of 255) is another picture.
_MAX_MEAN_DIFFERENCE = 4.0

_DNG_VERSION, _BITS_PER_SAMPLE, _NEW_SUBFILE_TYPE = 0xC612, 0x0102, 0x00FE  # tags of TIFF
_REDUCED = 1  # a bit of the last
_MAX_BITS = 16
_ALL = SeenAs()

# How these are to be turned stands in headers that the graph reads as well, or they are never turned.
_TURNED_BY_HEADER = ("JPEG", "MPO", "PNG", "GIF", "BMP")

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


def decode(
    data: bytes, source: str, checks_extension: bool, max_pixels: int, seen_as: SeenAs = _ALL
) -> DecodedImage:
    """Decodes an image for training: first frame, upright, 8 bits a channel.

    Args:
        data: PNG, JPEG, BMP, GIF, WebP, TIFF, JPEG 2000, AVIF, or with the extra `heic` HEIC.
        source: Its name; the end may state a format.
        checks_extension: Whether a format stated there must be the real one.
        max_pixels: Width times height that is allowed.
        seen_as: What the model sees; one color is not enough.

    Raises:
        RejectedError: With the reason, if it can't be used.
    """
    pixels = judge(data, source, checks_extension, max_pixels, seen_as)
    if seen_as.bit_depth < _MAX_BITS and _is_deep_png(data):
        return DecodedImage(encode_png(pixels[np.newaxis])[0], pixels)
    return _for_the_graph(data, pixels)


def judge(
    data: bytes, source: str, checks_extension: bool, max_pixels: int, seen_as: SeenAs = _ALL
) -> np.ndarray:
    """Does what `decode` does before TensorFlow is needed; `validate` looks at images so.

    Returns:
        uint8 [H, W, C], C in {1, 3, 4}.

    Raises:
        RejectedError: With the reason, if the image can't be used.
    """
    if not data:
        raise RejectedError(Reason.EMPTY_FILE, "0 bytes")
    with _open(data) as image:
        _check_header(image, data, source, checks_extension, max_pixels)
        stored = _pixels(image, data, seen_as.bit_depth)
    is_deep = stored.dtype == np.uint16
    pixels = seen.to_8_bits(stored, seen_as.bit_depth) if is_deep else stored
    seen.require_something(pixels, seen_as, stored if is_deep else None)
    return pixels


def deepest_value(data: bytes) -> int:
    """The greatest value in an image of 16 bits per value and one channel; 0 for any other."""
    if not _is_deep_png(data) and not data.startswith(_TIFF):
        return 0
    with _open(data) as image:
        stored = _pixels(image, data, _MAX_BITS)
    return int(stored.max()) if stored.dtype == np.uint16 else 0


def for_model(data: bytes, max_pixels: int = BOMB_PIXELS) -> bytes:
    """Brings an image to a form that a served model reads, as ImageExampleGen does for training.

    Args:
        data: An image of any form that `decode` accepts.
        max_pixels: Width times height that is allowed.

    Returns:
        The bytes as they came where the model reads them as they are, damaged or not; else a PNG.

    Raises:
        RejectedError: With the reason, if it is of another form and can't be decoded.
    """
    return data if headers.is_read_alike(data) else as_png(data, max_pixels)


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height by the header; nothing is decoded.

    Raises:
        RejectedError: With the reason, if it is no image.
    """
    with _open(data) as image:
        return image.size


def as_png(data: bytes, max_pixels: int = BOMB_PIXELS) -> bytes:
    """Decodes an image as for training, and encodes its pixels as PNG.

    Raises:
        RejectedError: With the reason, if it can't be decoded.
    """
    if not data:
        raise RejectedError(Reason.EMPTY_FILE, "0 bytes")
    with _open(data) as image:
        _check_header(image, data, "", False, max_pixels)
        stored = _pixels(image, data, _MAX_BITS)
    if stored.dtype == np.uint8:
        return encode_png(stored[np.newaxis])[0]
    buffer = io.BytesIO()
    Image.fromarray(stored[..., 0]).save(buffer, "PNG")  # 16 bits: the model knows how many are used
    return buffer.getvalue()


def _readable(data: bytes) -> list[str]:
    """Those formats that are installed; HEIC comes with an extra, AVIF with newer versions of Pillow."""
    if image_formats.is_heic(data):
        with contextlib.suppress(ImportError):
            import pillow_heif

            pillow_heif.register_heif_opener()
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


@contextlib.contextmanager
def _open(data: bytes) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # large images and damaged EXIF are judged here, not printed
        try:
            image = Image.open(io.BytesIO(data), formats=_readable(data))
        except Image.DecompressionBombError as error:
            raise RejectedError(Reason.DECOMPRESSION_BOMB, str(error)) from error
        except UnidentifiedImageError as error:
            is_webp = data[:4] == b"RIFF" and data[8:12] in (b"WEBP", b"")
            is_readable_heic = image_formats.is_heic(data) and "HEIF" in Image.OPEN
            if data.startswith(_MAGIC) or is_webp or is_readable_heic:
                raise RejectedError(Reason.TRUNCATED, f"the header is damaged ({len(data)} bytes)") from error
            raise RejectedError(Reason.NOT_AN_IMAGE, image_formats.describe(data)) from error
        except Exception as error:
            raise _damaged(error, data) from error
        with image:
            yield image


def _check_header(
    image: Image.Image, data: bytes, source: str, checks_extension: bool, max_pixels: int
) -> None:
    width, height = image.size
    if width * height > BOMB_PIXELS:
        raise RejectedError(Reason.DECOMPRESSION_BOMB, f"declares {width}x{height} pixels")
    if width * height > max_pixels:
        raise RejectedError(
            Reason.OVER_PIXEL_LIMIT,
            f"{width}x{height} pixels; max_pixels allows {max_pixels:,}",
        )
    extension = posixpath.splitext(source)[1].lower()
    if image_formats.is_raw(data, extension) or _is_raw_tiff(image):
        raise RejectedError(Reason.NOT_AN_IMAGE, image_formats.DEVELOP)
    # `boot.v2` states none.
    states_a_format = extension in names.IMAGE_EXTENSIONS or extension in names.OTHER_EXTENSIONS
    if checks_extension and states_a_format and image.format not in _EXTENSIONS.get(extension, ()):
        raise RejectedError(Reason.WRONG_EXTENSION, f"is {image.format}, but named {extension}")


def _is_raw_tiff(image: Image.Image) -> bool:
    """Whether a TIFF is a camera's raw data: it says so, or its first picture is a small copy of another."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    return _DNG_VERSION in image.tag_v2 or bool(image.tag_v2.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED)


def _pixels(image: Image.Image, data: bytes, bit_depth: int) -> np.ndarray:
    """Upright [H, W, C], uint8, or uint16 where the values have 16 bits and are not cut to 8 yet."""
    try:
        image.load()
        if image.format not in _TURNED_BY_HEADER:
            image = ImageOps.exif_transpose(image)
        pixels = headers.turn_upright(_as_stored(image, data, bit_depth), headers.orientation(data))
    except RejectedError:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on damaged bytes
        raise _damaged(error, data) from error
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _as_stored(image: Image.Image, data: bytes, bit_depth: int) -> np.ndarray:
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
        raise RejectedError(
            Reason.UNREADABLE,
            f"{image.format} of 32 bits per pixel, of which none says what is black and what is white: scale "
            "it to 8 or 16 bits first",
        )
    if image.mode.startswith("I"):
        return np.asarray(image).astype(np.int64).clip(0, 65535).astype(np.uint16)
    if bit_depth < _MAX_BITS and _is_deep_png(data):
        return by_tensorflow.read_deep(data)  # Pillow keeps the high byte of several channels only
    if bit_depth < _MAX_BITS and image.format == "TIFF" and max(image.tag_v2.get(_BITS_PER_SAMPLE, (8,))) > 8:  # type: ignore[attr-defined]
        raise RejectedError(
            Reason.UNREADABLE,
            f"TIFF of 16 bits and several channels, of which image.bit_depth: {bit_depth} can't be taken: "
            "save it as PNG",
        )
    mode = "RGBA" if "transparency" in image.info else _MODES.get(image.mode, "RGB")
    return np.asarray(image if image.mode == mode else image.convert(mode))


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


def _for_the_graph(data: bytes, pixels: np.ndarray) -> DecodedImage:
    """Keeps the bytes where the Transform graph reads them; else the pixels become a PNG."""
    read = by_tensorflow.read(data) if headers.is_read_alike(data) else None
    if read is None:
        return DecodedImage(encode_png(pixels[np.newaxis])[0], pixels)
    if read.shape == pixels.shape and (read == pixels).all():
        return DecodedImage(data, pixels)
    if data.startswith(headers.JPEG_SIGNATURE):
        # Lossy: decoders round differently. Where they differ more, as in CMYK of unknown polarity, the
        # picture is what the model sees.
        alike = (
            read.shape == pixels.shape
            and np.abs(read.astype(np.int16) - pixels).mean() <= _MAX_MEAN_DIFFERENCE
        )
        return DecodedImage(data, pixels if alike else read)
    raise RejectedError(
        Reason.UNREADABLE, "Pillow and TensorFlow read different pixels from it: save it again as PNG"
    )


def _is_deep_png(data: bytes) -> bool:
    return data.startswith(headers.PNG_SIGNATURE) and data[24:25] == bytes([_MAX_BITS])

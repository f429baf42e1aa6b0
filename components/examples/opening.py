"""Opens an image file with Pillow; says what it is where that can't be done."""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError

from tfx_contrastive.contract.errors import Reason, RejectedError

from . import image_formats

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "JPEG2000", "AVIF", "HEIF", "PPM")
_MAGIC = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}


def _readable(data: bytes) -> list[str]:
    """Those formats that are installed; HEIC comes with an extra, AVIF with newer versions of Pillow."""
    if image_formats.is_heic(data):
        with contextlib.suppress(ImportError):
            import pillow_heif

            pillow_heif.register_heif_opener()
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


@contextlib.contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """Opens an image file; its pixels are not read yet.

    Raises:
        RejectedError: With the reason, if it is no image that can be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # large images and damaged EXIF are judged here, not printed
        try:
            image = Image.open(io.BytesIO(data), formats=_readable(data))
        except Image.DecompressionBombError as error:
            raise RejectedError(Reason.DECOMPRESSION_BOMB, str(error)) from error
        except UnidentifiedImageError as error:
            if image_formats.is_strange_tiff(data):
                raise RejectedError(Reason.UNREADABLE, image_formats.STRANGE_TIFF) from error
            if stated := _format_by_beginning(data):
                detail = f"a {stated} whose header is damaged ({len(data):,} bytes)"
                raise RejectedError(Reason.TRUNCATED, detail) from error
            raise RejectedError(Reason.NOT_AN_IMAGE, image_formats.describe(data)) from error
        except Exception as error:
            raise damaged(error, data) from error
        with image:
            yield image


def _format_by_beginning(data: bytes) -> str | None:
    """The format of a file that begins like one that can be read; None for any other."""
    if data[:4] == b"RIFF" and data[8:12] in (b"WEBP", b""):
        return "WebP"
    if image_formats.is_heic(data) and "HEIF" in Image.OPEN:
        return "HEIC"
    if re.match(rb"P[1-6]\s", data):
        return "PPM, PGM or PBM"
    return next((name for magic, name in _MAGIC.items() if data.startswith(magic)), None)


def damaged(error: Exception, data: bytes) -> RejectedError:
    """What Pillow's error about a file means."""
    text = str(error) or type(error).__name__
    detail = f"{text} ({len(data)} bytes)"
    if "decompressed data too large" in text.lower():
        return RejectedError(Reason.DECOMPRESSION_BOMB, detail)
    # A RIFF file (WebP) states its length, less the 8 bytes of its own header.
    is_short = data.startswith(b"RIFF") and int.from_bytes(data[4:8], "little") + 8 > len(data)
    if is_short or isinstance(error, EOFError) or "truncated" in text.lower():
        return RejectedError(Reason.TRUNCATED, detail)
    return RejectedError(Reason.UNREADABLE, detail)

"""Open an image file with Pillow, and read what its header states."""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from tfx_contrastive.components.examples import file_formats, tensorflow_images
from tfx_contrastive.components.examples.names import words
from tfx_contrastive.contract.errors import Reason, RejectedError

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "JPEG2000", "AVIF", "HEIF", "PPM")
_STRANGE_TIFF = (
    "a TIFF with pixels of a kind that can't be read, such as 16 bits with opacity: save it as PNG"
)

_DNG_VERSION, _BITS_PER_SAMPLE, _NEW_SUBFILE_TYPE, _PHOTOMETRIC = 0xC612, 0x0102, 0x00FE, 0x0106  # of TIFF
_REDUCED = 1  # bit of _NEW_SUBFILE_TYPE
_CODESTREAM, _SSIZ = b"\xff\x4f\xff\x51", 42  # of JPEG 2000, and where in it the bits of a value stand

# Magic number, width, height and greatest value of PPM and PGM, with comments between them.
_GREATEST_VALUE = re.compile(rb"[^\s#]+(?:(?:\s|#[^\r\n]*[\r\n])+(\d+)){3}")

_JPEG = ("JPEG", "MPO")  # MPO: a JPEG with more images after the first
EXTENSIONS = {
    **dict.fromkeys((".png", ".apng"), ("PNG",)),
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".jfi", ".jif", ".pjpeg", ".pjp", ".mpo"), _JPEG),
    **dict.fromkeys((".bmp", ".dib"), ("BMP",)),
    ".gif": ("GIF",),
    ".webp": ("WEBP",),
    **dict.fromkeys((".tif", ".tiff"), ("TIFF",)),
    **dict.fromkeys((".jp2", ".j2k", ".jpf", ".jpx", ".jpm", ".j2c", ".jpc"), ("JPEG2000",)),
    **dict.fromkeys((".avif", ".avifs"), ("AVIF",)),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), ("PPM",)),
    **dict.fromkeys((".heic", ".heics", ".heif", ".heifs", ".hif"), ("HEIF",)),
}


# Many raw formats are TIFF files, which would be read as their thumbnails.
_RAW_EXTENSIONS = words(
    ".3fr .arw .cr2 .cr3 .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl "
    ".sr2 .srf .srw .x3f"
)


def _readable(data: bytes) -> list[str]:
    """Return the formats that are installed; HEIC needs an extra, AVIF a newer Pillow."""
    if file_formats.is_heic(data):
        with contextlib.suppress(ImportError):
            import pillow_heif

            pillow_heif.register_heif_opener()
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


@contextlib.contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """Open an image file without reading its pixels.

    Raises:
        RejectedError: If Pillow can't open it; holds the reason.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # large images and damaged EXIF are judged here, not printed
        try:
            image = Image.open(io.BytesIO(data), formats=_readable(data))
        except Image.DecompressionBombError as error:
            raise RejectedError(Reason.DECOMPRESSION_BOMB, str(error)) from error
        except UnidentifiedImageError as error:
            if _is_strange_tiff(data):
                raise RejectedError(Reason.UNREADABLE, _STRANGE_TIFF) from error
            if stated := _format_by_beginning(data):
                detail = f"a {stated} whose header is damaged ({len(data):,} bytes)"
                raise RejectedError(Reason.TRUNCATED, detail) from error
            raise RejectedError(Reason.NOT_AN_IMAGE, file_formats.describe_no_image(data)) from error
        except Exception as error:
            raise damaged(error, data) from error
        with image:
            yield image


def _format_by_beginning(data: bytes) -> str | None:
    """Return the format of a file that begins like a readable image; None for any other file."""
    if data[:4] == b"RIFF" and data[8:12] in (b"WEBP", b""):
        return "WebP"
    if file_formats.is_heic(data) and "HEIF" in Image.OPEN:
        return "HEIC"
    if re.match(rb"P[1-6]\s", data):
        return "PPM, PGM or PBM"
    return "BMP" if data.startswith(b"BM") else file_formats.image_format(data)


def damaged(error: Exception, data: bytes) -> RejectedError:
    """Return the rejection that an error of Pillow means."""
    text = str(error) or type(error).__name__
    detail = f"{text} ({len(data)} bytes)"
    if "decompressed data too large" in text.lower():
        return RejectedError(Reason.DECOMPRESSION_BOMB, detail)
    # A RIFF file (WebP) states its length without the 8 bytes of its own header.
    is_short = data.startswith(b"RIFF") and int.from_bytes(data[4:8], "little") + 8 > len(data)
    if is_short or isinstance(error, EOFError) or "truncated" in text.lower():
        return RejectedError(Reason.TRUNCATED, detail)
    return RejectedError(Reason.UNREADABLE, detail)


def is_raw(data: bytes, extension: str) -> bool:
    """Return whether a file is raw data of a camera, by its extension or its first bytes."""
    is_tiff = data.startswith((b"II*\0", b"MM\0*"))
    return is_tiff and (extension in _RAW_EXTENSIONS or data[8:10] == b"CR")


def is_raw_tiff(image: Image.Image) -> bool:
    """Return whether a TIFF is raw data of a camera: it says so, or its first image is a thumbnail."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    return _DNG_VERSION in image.tag_v2 or bool(image.tag_v2.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED)


def bits_per_value(image: Image.Image, data: bytes) -> int:
    """Return the number of bits per value that a file states, if it is more than 8; otherwise 8."""
    if tensorflow_images.is_deep_png(data):
        return tensorflow_images.MAX_BITS
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        stated: tuple[int, ...] = image.tag_v2.get(_BITS_PER_SAMPLE, (8,))
        return max(8, *stated)
    if image.format == "PPM" and data[1:2] not in b"14f":  # bitmaps and floats state no greatest value
        header = _GREATEST_VALUE.match(data)
        return max(8, int(header[1]).bit_length()) if header else 8
    start = data.find(_CODESTREAM) if image.format == "JPEG2000" else -1
    return max(8, (data[start + _SSIZ] & 0x7F) + 1) if 0 <= start < len(data) - _SSIZ else 8


def _is_strange_tiff(data: bytes) -> bool:
    """Return whether a file is an undamaged TIFF whose kind of pixels Pillow doesn't know."""
    if not data.startswith((b"II*\0", b"MM\0*")):
        return False
    try:
        TiffImagePlugin.TiffImageFile(io.BytesIO(data)).close()
    except Exception as error:  # noqa: BLE001 damaged ones raise almost anything
        return str(error) == "unknown pixel mode"
    return False


def is_deep_negative(image: Image.Image) -> bool:
    """Return whether 0 is white in a TIFF of 16 bits; Pillow inverts those of 8 bits only."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    return image.mode.startswith("I") and image.tag_v2.get(_PHOTOMETRIC) == 0

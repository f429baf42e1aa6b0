"""Image formats by their first bytes: what a file that can't be read as an image is, and what to do."""

import io
import re

from PIL import Image, TiffImagePlugin

from . import file_formats, headers
from .names import words

_AS_PNG = "save it as PNG or JPEG first"
DEVELOP = "a camera's raw data: develop it to JPEG or PNG first"
STRANGE_TIFF = "a TIFF with pixels of a kind that can't be read, such as 16 bits with opacity: save it as PNG"
_FRAMES = "a video: take frames out of it first, such as with `ffmpeg -i FILE frames/%05d.png`"
_DRAW = "draw it as PNG first"

HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
AVIF_BRANDS = (b"avif", b"avis")

_DNG_VERSION, _BITS_PER_SAMPLE, _NEW_SUBFILE_TYPE, _PHOTOMETRIC = 0xC612, 0x0102, 0x00FE, 0x0106  # of TIFF
_REDUCED = 1  # a bit of the last
_CODESTREAM, _SSIZ = b"\xff\x4f\xff\x51", 42  # of JPEG 2000, and where in it the bits of a value stand

_JPEG = ("JPEG", "MPO")  # MPO: a JPEG with more pictures behind the first
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

# Beginning of the file -> what it is and what to do.
_BEGINNINGS = (
    (b"8BPS", f"a Photoshop document: {_AS_PNG}"),
    (b"gimp xcf", f"a GIMP document: {_AS_PNG}"),
    (b"%PDF", "a PDF document: draw its pages as PNG first, such as with `pdftoppm -png FILE PAGE`"),
    (b"%!PS", f"PostScript: {_DRAW}"),
    (b"\x00\x00\x00\x0cJXL ", f"a JPEG XL image: {_AS_PNG}"),
    (b"\xff\x0a", f"a JPEG XL image: {_AS_PNG}"),
    (b"qoif", f"a QOI image: {_AS_PNG}"),
    (b"P7\n", f"a PAM image: {_AS_PNG}"),
    (b"PF\n", f"a PFM image of floats: scale it to 8 or 16 bits and {_AS_PNG}"),
    (b"\x0a\x05\x01\x08", f"a PCX image: {_AS_PNG}"),
    (b"\x01\xda\x00\x01", f"an SGI image: {_AS_PNG}"),
    (b"\x01\xda\x01\x01", f"an SGI image: {_AS_PNG}"),
    (b"v/1\x01", f"an OpenEXR image: {_AS_PNG}"),
    (b"#?RADIANCE", f"a Radiance HDR image: {_AS_PNG}"),
    (b"\x00\x00\x01\x00", f"an icon: {_AS_PNG}"),
    (b"icns", f"an icon: {_AS_PNG}"),
    (b"DDS ", f"a texture: {_AS_PNG}"),
    (b"SIMPLE  =", f"a FITS image: {_AS_PNG}"),
    (b"AT&TFORM", f"a DjVu document: {_DRAW}"),
    (b"IIRO", DEVELOP),
    (b"IIRS", DEVELOP),
    (b"MMOR", DEVELOP),
    (b"IIU\x00", DEVELOP),
    (b"FUJIFILMCCD-RAW", DEVELOP),
    (b"FOVb", DEVELOP),
    (b"\x1aE\xdf\xa3", _FRAMES),
    (b"\x00\x00\x01\xba", _FRAMES),
    (b"\x00\x00\x01\xb3", _FRAMES),
    (b"FLV\x01", _FRAMES),
    (b"0&\xb2u\x8ef\xcf\x11", _FRAMES),
)
# TIFF is the shell of many raw formats; read as TIFF they would give a thumbnail.
_RAW_EXTENSIONS = words(
    ".3fr .arw .cr2 .cr3 .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl "
    ".sr2 .srf .srw .x3f"
)


def is_raw(data: bytes, extension: str) -> bool:
    """Whether a file is a camera's raw data, by its name or by its beginning."""
    is_tiff = data.startswith((b"II*\0", b"MM\0*"))
    return is_tiff and (extension in _RAW_EXTENSIONS or data[8:10] == b"CR")


def is_raw_tiff(image: Image.Image) -> bool:
    """Whether a TIFF is a camera's raw data: it says so, or its first picture is a small copy of another."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    return _DNG_VERSION in image.tag_v2 or bool(image.tag_v2.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED)


def bits_per_value(image: Image.Image, data: bytes) -> int:
    """Bits per value that a file of more than 8 states; 8 for all others."""
    if headers.is_deep_png(data):
        return headers.MAX_BITS
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(8, *image.tag_v2.get(_BITS_PER_SAMPLE, (8,)))
    if image.format == "PPM" and data[1:2] not in b"14":  # bitmaps state no greatest value
        return max(8, int(re.sub(rb"#[^\r\n]*", b"", data[:4096]).split(None, 4)[3]).bit_length())
    start = data.find(_CODESTREAM) if image.format == "JPEG2000" else -1
    return max(8, (data[start + _SSIZ] & 0x7F) + 1) if 0 <= start < len(data) - _SSIZ else 8


def is_strange_tiff(data: bytes) -> bool:
    """Whether a file is a whole TIFF of which Pillow doesn't know the kind of pixels."""
    if not data.startswith((b"II*\0", b"MM\0*")):
        return False
    try:
        TiffImagePlugin.TiffImageFile(io.BytesIO(data)).close()
    except Exception as error:  # damaged ones raise almost anything
        return str(error) == "unknown pixel mode"
    return False


def is_deep_negative(image: Image.Image) -> bool:
    """Whether 0 is white in a TIFF of 16 bits, which Pillow turns round in one of 8 bits only."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    return image.mode.startswith("I") and image.tag_v2.get(_PHOTOMETRIC) == 0


def is_heic(data: bytes) -> bool:
    """Whether a file begins as HEIC does."""
    return data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS


def is_svg(data: bytes) -> bool:
    """Whether a file is an SVG drawing: XML whose first element is `svg`."""
    text = re.sub(
        rb"^(\xef\xbb\xbf|\s|<\?[^>]*\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(\[.*?\])?[^>]*>)*",
        b"",
        data[:4096],
        flags=re.S,
    )
    return re.match(rb"<([a-z]+:)?svg[\s>]", text) is not None


def describe(data: bytes) -> str:
    """What a file is that can't be read as an image, and what to do; by its beginning.

    Returns:
        Half a sentence such as "a PDF document: …"; the first bytes where they say nothing.
    """
    if is_svg(data):
        return "an SVG drawing: draw it as PNG first, such as with `cairosvg FILE -o FILE.png`"
    if data[128:132] == b"DICM":
        return f"a DICOM file: {_AS_PNG}, windowed as a physician would see it"
    if data[-18:-1] == b"TRUEVISION-XFILE.":
        return f"a TGA image: {_AS_PNG}"
    if data[4:8] == b"ftyp":
        return _describe_box(data[8:12])
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return _FRAMES
    for beginning, description in _BEGINNINGS:
        if data.startswith(beginning):
            return description
    if re.match(rb"\s*<(!doctype html|html)", data[:200], re.I):
        return "an HTML page: what was downloaded is no image"
    return file_formats.name_format(data[: file_formats.HEAD_BYTES]) or f"starts with {data[:8].hex()}"


def _describe_box(brand: bytes) -> str:
    if brand in HEIC_BRANDS:
        return (
            "an HEIC photo: `pip install 'tfx-contrastive[heic]'` lets it be read, or save it as JPEG first"
        )
    if brand in AVIF_BRANDS:
        return "an AVIF image: `pip install 'pillow>=11.3'` lets it be read, or save it as PNG first"
    if brand == b"crx ":
        return DEVELOP
    return _FRAMES

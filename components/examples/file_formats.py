"""File formats by their first bytes: names for messages, and advice on files that are no images."""

import re

_LFS = "a Git LFS pointer, not the file itself: run `git lfs pull`"
_ANNEX = "a git-annex pointer, not the file itself: run `git annex get`"
_ZEROS = "a file of zeros, such as an interrupted copy leaves"

# Placeholders for a file that is missing.
STAND_INS = (_LFS, _ANNEX, _ZEROS)

_AS_PNG = "save it as PNG or JPEG first"
RAW = "a camera's raw data: develop it to JPEG or PNG first"
_FRAMES = "a video: take frames out of it first, such as with `ffmpeg -i FILE frames/%05d.png`"
_DRAW = "draw it as PNG first"

HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")

# First bytes -> format, of images that can be read.
_READABLE_IMAGES = (
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
)

# First bytes of images and documents that can't be read as images -> what they are, and what to do.
_NOT_READABLE = (
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
    (b"IIRO", RAW),
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"IIU\x00", RAW),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"FOVb", RAW),
    (b"\x1aE\xdf\xa3", _FRAMES),
    (b"\x00\x00\x01\xba", _FRAMES),
    (b"\x00\x00\x01\xb3", _FRAMES),
    (b"FLV\x01", _FRAMES),
    (b"0&\xb2u\x8ef\xcf\x11", _FRAMES),
)
# First bytes of other files -> the name of the format. Longer beginnings stand before shorter ones.
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", _LFS),
    (b"/annex/objects/", _ANNEX),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"RIFF", "a RIFF file (WebP, WAV or AVI)"),
    (b"ARROW1", "an Arrow (Feather) file"),
    (b"\xff\xff\xff\xff", "an Arrow stream"),
    (b"\xff\x06\x00\x00sNaPpY", "a file compressed with Snappy"),
    (b"\xfd7zXZ", "a file compressed with xz"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a file compressed with Zstandard"),
    (b"\x04\x22\x4d\x18", "a file compressed with LZ4"),
    (b"BZh", "a file compressed with bzip2"),
    (b"PK\x03\x04", "a zip file (also .npz)"),
    (b"PK\x05\x06", "an empty zip file"),
    (b"PAR1", "a Parquet file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"SEQ\x06", "a Hadoop sequence file"),
    (b"crc\x00", "a Hadoop checksum file"),
    (b"\x1f\x8b", "a file compressed with gzip"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (Excel, Word)"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file (.mat)"),
    (b"\0\0\x08\x01", "an IDX file (as MNIST has them)"),
    (b"\0\0\x08\x03", "an IDX file (as MNIST has them)"),
)
_TAR_MARK = (257, b"ustar")

# Number of bytes that `name_format` needs.
HEAD_BYTES = 512


def name_format(head: bytes) -> str | None:
    """Return the name of the format of a file.

    Args:
        head: First `HEAD_BYTES` bytes of the file, or all bytes of a shorter file.

    Returns:
        A name such as `a Parquet file`, `JSON` or `text`; None if the bytes are of no known format.
    """
    if not head:
        return "an empty file"
    if image := image_format(head):
        return f"a {image} image"
    for beginning, name in _BEGINNINGS:
        if head.startswith(beginning):
            return name
    if head[_TAR_MARK[0] :].startswith(_TAR_MARK[1]):
        return "a tar file"
    if is_zlib(head):
        return "a file compressed with zlib"
    if not head.strip(b"\0"):
        return _ZEROS
    return _text_format(head)


def image_format(head: bytes) -> str | None:
    """Return the format of a readable image, such as `PNG`; None where the bytes are no such image."""
    return next((name for beginning, name in _READABLE_IMAGES if head.startswith(beginning)), None)


def is_zlib(head: bytes) -> bool:
    """Return whether bytes begin a zlib stream (RFC 1950: method 8, and a check of the first two bytes)."""
    return len(head) > 1 and head[0] in (0x78, 0x68, 0x58, 0x48) and int.from_bytes(head[:2], "big") % 31 == 0


def _text_format(head: bytes) -> str | None:
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(head) < HEAD_BYTES or error.start < len(head) - 3:  # the last character may be cut
            return None
        text = head[: error.start].decode("utf-8-sig")
    if any(ord(letter) < 32 and letter not in "\t\r\n\f" for letter in text):
        return None
    start = text.lstrip()[:20].lower()
    if start.startswith(("{", "[")):
        return "JSON"
    if start.startswith(("<?xml", "<svg", "<!doctype", "<html")):
        return "HTML" if "html" in start else "XML"
    return "text"


def is_heic(data: bytes) -> bool:
    """Return whether a file begins as HEIC does."""
    return data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS


def is_svg(data: bytes) -> bool:
    """Return whether a file is an SVG drawing: XML whose first element is `svg`."""
    text = re.sub(
        rb"^(\xef\xbb\xbf|\s|<\?[^>]*\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(\[.*?\])?[^>]*>)*",
        b"",
        data[:4096],
        flags=re.S,
    )
    return re.match(rb"<([a-z]+:)?svg[\s>]", text) is not None


def describe_no_image(data: bytes) -> str:
    """Return the format of a file that can't be read as an image, and advice on what to do.

    Returns:
        A phrase such as "a PDF document: …"; the first bytes of the file if its format is unknown.
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
    for beginning, description in _NOT_READABLE:
        if data.startswith(beginning):
            return description
    if re.match(rb"\s*<(!doctype html|html)", data[:200], re.I):
        return "an HTML page: what was downloaded is no image"
    return name_format(data[:HEAD_BYTES]) or f"starts with {data[:8].hex()}"


def _describe_box(brand: bytes) -> str:
    if brand in HEIC_BRANDS:
        return (
            "an HEIC photo: `pip install 'tfx-contrastive[heic]'` lets it be read, or save it as JPEG first"
        )
    if brand in _AVIF_BRANDS:
        return "an AVIF image: `pip install 'pillow>=11.3'` lets it be read, or save it as PNG first"
    if brand == b"crx ":
        return RAW
    return _FRAMES

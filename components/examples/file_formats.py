"""Names the format of a file by its first bytes, for errors about files that are of another format."""

_LFS = "a Git LFS pointer, not the file itself: run `git lfs pull`"
_ANNEX = "a git-annex pointer, not the file itself: run `git annex get`"
_ZEROS = "a file of zeros, such as an interrupted copy leaves"

# What stands where another file should be.
STAND_INS = (_LFS, _ANNEX, _ZEROS)

# First bytes -> what such a file is called. Longer beginnings stand before shorter ones.
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", _LFS),
    (b"/annex/objects/", _ANNEX),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
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

# Bytes that `name_format` wants to see.
HEAD_BYTES = 512


def name_format(head: bytes) -> str | None:
    """What a file is called that begins so.

    Args:
        head: Its first `HEAD_BYTES` bytes, or all of a shorter file.

    Returns:
        `a Parquet file`, `JSON`, `text`, …; None where the bytes tell nothing.
    """
    if not head:
        return "an empty file"
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


def is_zlib(head: bytes) -> bool:
    """Whether bytes begin as a zlib stream does (RFC 1950: method 8, and a check of the first two bytes)."""
    return len(head) > 1 and head[0] in (0x78, 0x68, 0x58, 0x48) and int.from_bytes(head[:2], "big") % 31 == 0


def _text_format(head: bytes) -> str | None:
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(head) < HEAD_BYTES or error.start < len(head) - 3:  # the last letter may be cut in two
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

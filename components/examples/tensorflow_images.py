"""Images as TensorFlow reads them: formats that it shares with Pillow, orientation, decoding.

The Transform graph decodes JPEG, PNG, GIF and BMP with `tf.io.decode_image`. The same rules turn images
upright in the graph, and make a served model refuse the formats that TensorFlow reads differently from
Pillow (docs/data.md, "Image formats in the served model"). tests/test_pixels.py compares both sides.
TensorFlow is imported on use.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.components.examples.png import PNG_SIGNATURE, encode_png

JPEG_SIGNATURE = b"\xff\xd8\xff"
UPRIGHT = 1
MAX_BITS = 16  # of a value
_MAX_STEPS = 256
_MAX_ENTRIES = 128
_TAG, _SHORT, _LONG = 0x0112, 3, 4
_WITH_PALETTE = 3  # a PNG's color type
_GRAY_PALETTE = b"".join(bytes((level, level, level, 0)) for level in range(256))
_BMP_HEADER = 54  # file header and the first 40 bytes of the picture's


def orientation(data: bytes) -> int:
    """Return the EXIF orientation of a JPEG or PNG, 1 to 8; 1 if none is stated, and for other formats."""
    if data.startswith(JPEG_SIGNATURE):
        exif = _exif_of_jpeg(data)
    elif data.startswith(PNG_SIGNATURE):
        exif = next((content for kind, content in _chunks(data) if kind == b"eXIf"), b"")
    else:
        exif = b""
    return _orientation_in(exif)


def turn_upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Rotate and mirror an image [H, W, ...] as its EXIF orientation asks for."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def is_read_alike(data: bytes) -> bool:
    """Return whether the graph reads an undamaged image as Pillow does; a served model refuses all others."""
    if data.startswith(JPEG_SIGNATURE):
        return True
    if data.startswith(PNG_SIGNATURE):
        return data[25:26] == bytes([_WITH_PALETTE]) or all(kind != b"tRNS" for kind, _ in _chunks(data))
    if data.startswith(b"GIF8"):
        return _is_plain_gif(data)
    return data.startswith(b"BM") and _is_plain_bmp(data)


def is_deep_png(data: bytes) -> bool:
    """Return whether the bytes are a PNG with 16 bits per value."""
    return data.startswith(PNG_SIGNATURE) and data[24:25] == bytes([MAX_BITS])


def _exif_of_jpeg(data: bytes) -> bytes:
    position = 2
    for _ in range(_MAX_STEPS):
        if position >= len(data) or data[position] != 0xFF:
            break
        window = data[position : position + 10].ljust(10, b"\0")
        marker, length = window[1], int.from_bytes(window[2:4], "big")
        if marker == 0xFF:  # a fill byte
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # without content
            position += 2
        elif marker == 0 or 0xD8 <= marker <= 0xDA or _is_frame(marker) or length < 2:
            break
        elif marker == 0xE1 and window[4:] == b"Exif\0\0" and length >= 8:
            return data[position + 10 : position + 2 + length]
        else:
            position += 2 + length
    return b""


def _is_frame(marker: int) -> bool:
    return 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and content of each PNG chunk between the header and the pixels."""
    position = 33
    for _ in range(_MAX_STEPS):
        kind = data[position + 4 : position + 8]
        if len(kind) < 4 or kind in (b"IDAT", b"IEND"):
            return
        length = int.from_bytes(data[position : position + 4], "big")
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def _orientation_in(exif: bytes) -> int:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return UPRIGHT
    (start,) = struct.unpack(f"{order}I", exif[4:8])
    (count,) = struct.unpack(f"{order}H", exif[start : start + 2].ljust(2, b"\0"))
    for i in range(min(count, _MAX_ENTRIES)):
        entry = exif[start + 2 + 12 * i : start + 14 + 12 * i].ljust(12, b"\0")
        tag, kind = struct.unpack(f"{order}HH", entry[:4])
        if tag == _TAG:
            form = {_SHORT: "H", _LONG: "I"}.get(kind, "x")
            value = next(iter(struct.unpack_from(f"{order}{form}", entry, 8)), UPRIGHT)
            return value if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def _is_plain_gif(data: bytes) -> bool:
    """Return whether the first frame covers the whole image and has no transparent color."""
    width, height, flags = struct.unpack("<HHB", data[6:11].ljust(5, b"\0"))
    position = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)  # after the palette
    in_extension = False
    for _ in range(_MAX_STEPS):
        block = data[position : position + 10].ljust(10, b"\0")
        if in_extension:
            position += 1 + block[0]
            in_extension = block[0] > 0
        elif block[0] == 0x21:
            if block[1] == 0xF9 and block[3] & 1:  # the frame's control: it has a transparent color
                return False
            position += 2
            in_extension = True
        else:
            return block[0] == 0x2C and struct.unpack("<HHHH", block[1:9]) == (0, 0, width, height)
    return False


def _is_plain_bmp(data: bytes) -> bool:
    """Return whether it is uncompressed, with 24 bits per pixel, or with 8 and a palette of 256 grays."""
    header = data[:_BMP_HEADER].ljust(_BMP_HEADER, b"\0")
    (start, size), (bits, compression) = (
        struct.unpack("<II", header[10:18]),
        struct.unpack("<HI", header[28:34]),
    )
    if size < 40 or compression:
        return False
    palette = data[14 + size : 14 + size + len(_GRAY_PALETTE)]
    return bits == 24 or (bits == 8 and palette == _GRAY_PALETTE and start == 14 + size + len(palette))


_RGBA_OF_GRAY = [0, 0, 0, 1]  # from gray and opacity


def read(data: bytes) -> npt.NDArray[Any] | None:
    """Decode an image and turn it upright.

    Args:
        data: A PNG, JPEG, GIF or BMP.

    Returns:
        uint8 [H, W, C], C in {1, 3, 4}; None if the decoder refuses the image.
    """
    import tensorflow as tf

    with tf.device("CPU"):
        try:
            decoded: Any = tf.io.decode_image(data, expand_animations=False).numpy()
        except tf.errors.OpError:
            return None
    return turn_upright(without_gray_alpha(decoded), orientation(data))


def read_deep(data: bytes) -> npt.NDArray[Any]:
    """Decode a PNG of 16 bits per value: uint16 [H, W, C], C in {1, 3, 4}, as stored."""
    import tensorflow as tf

    with tf.device("CPU"):
        values: Any = tf.io.decode_png(data, dtype=tf.uint16).numpy()
    return without_gray_alpha(values)


def as_upright(encoded: bytes) -> bytes:
    """Return an image that stands upright without EXIF: the original bytes, or a turned copy as PNG."""
    if orientation(encoded) == UPRIGHT:
        return encoded
    pixels = read(encoded)
    return encoded if pixels is None else encode_png(pixels[np.newaxis])[0]


def without_gray_alpha(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert gray with alpha (C of 2) to RGBA; leave other pixels [H, W, C] as they are."""
    return pixels[..., _RGBA_OF_GRAY] if pixels.shape[-1] == 2 else pixels

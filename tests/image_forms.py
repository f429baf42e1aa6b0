"""Images in every form that a reader may meet: formats, depths, palettes, orientations, damaged headers."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from tests.components.image_example_gen.support import rgb_tiff
from tfx_contrastive.components.examples.png import PNG_SIGNATURE

KINDS = {
    "png": "gray 1,gray 2,gray 4,gray 8,gray 16,gray key,rgb 8,rgb 16,rgb key,palette,palette opacity,"
    "gray alpha 8,gray alpha 16,rgba 8,rgba 16,interlaced",
    "jpeg": "rgb,gray,progressive,4:4:4,cmyk,cmyk plain,ycck,rgb stored",
    "gif": "plain,gray,transparent,animation,part,commented",
    "bmp": "24,gray,palette,1,32,down",
    "webp": "lossy,alpha,lossless",
    "other": "tiff,tiff 16,tiff rgb 16,tiff pages,jp2,avif,ppm,pgm,pgm 16,pbm",
}


ALL_KINDS = [f"{family} {kind}" for family, kinds in KINDS.items() for kind in kinds.split(",")]


def chunk(kind: Any, data: Any) -> Any:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels: Any, color_type: Any, depth: Any = 8, before: Any = b"", interlaced: Any = False) -> Any:
    """A PNG of any kind; `before` stands in front of the pixels."""
    height, width = pixels.shape[:2]

    def rows(part: Any) -> Any:
        flat = part.reshape(part.shape[0], -1)
        if depth == 16:
            lines = flat.astype(">u2").view(np.uint8).reshape(len(flat), -1)
        else:
            shifts = np.arange(depth - 1, -1, -1)
            lines = np.packbits(
                ((flat[..., None] >> shifts) & 1).reshape(len(flat), -1).astype(np.uint8), axis=1
            )
        return b"".join(b"\0" + line.tobytes() for line in lines)

    parts = [pixels]
    if interlaced:  # Adam7: start row, start column, row step, column step
        passes = (
            (0, 0, 8, 8),
            (0, 4, 8, 8),
            (4, 0, 8, 4),
            (0, 2, 4, 4),
            (2, 0, 4, 2),
            (0, 1, 2, 2),
            (1, 0, 2, 1),
        )
        parts = [pixels[y::dy, x::dx] for y, x, dy, dx in passes]
    data = b"".join(rows(part) for part in parts if part.size)
    header = struct.pack(">IIBBBBB", width, height, depth, color_type, 0, 0, int(interlaced))
    return (
        PNG_SIGNATURE
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def saved(image: Any, image_format: Any, **options: Any) -> Any:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def exif_of(orientation: Any, order: Any, kind: Any = 3) -> Any:
    """EXIF with a directory of two entries, the orientation the second one."""

    def number(form: str, *values: int) -> bytes:
        return struct.pack(order + form, *values)

    value = number("H", orientation) + b"\0\0" if kind == 3 else number("I", orientation)
    entries = number("HHI", 0x0100, 4, 1) + number("I", 7) + number("HHI", 0x0112, kind, 1) + value
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + number("I", 8) + number("H", 2) + entries + number("I", 0)


def in_jpeg(data: Any, exif: Any, behind_jfif: Any) -> Any:
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 8) + b"Exif\0\0" + exif
    at = 4 + int.from_bytes(data[4:6], "big") if behind_jfif and data[2:4] == b"\xff\xe0" else 2
    return data[:at] + segment + data[at:]


def adobe(data: Any, transform: Any) -> Any:
    """A CMYK JPEG that states another color transform; None: without Adobe's marker."""
    start = data.index(b"\xff\xee")
    if transform is None:
        return data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4], "big") :]
    at = data.index(b"Adobe") + 11
    return data[:at] + bytes([transform]) + data[at + 1 :]


def make(kind: Any, seed: int, height: int, width: int, exif: Any = None, behind_jfif: Any = True) -> Any:
    """Draws a picture by chance and encodes it; smooth where the encoding is lossy."""
    rng = np.random.default_rng(seed)

    def noise(channels: int, depth: Any = 8) -> Any:
        return rng.integers(0, 2**depth, (height, width, channels)).astype(np.uint16)

    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 4), dtype=np.uint8)
    smooth = np.kron(coarse, np.ones((8, 8, 1), np.uint8))[:height, :width]
    picture = Image.fromarray(np.ascontiguousarray(smooth[..., :3]))
    rgba = Image.fromarray(np.ascontiguousarray(smooth))
    family, _, rest = kind.partition(" ")
    if family == "png":
        return _png(rest, noise, rng, chunk(b"eXIf", exif) if exif else b"")
    if family == "jpeg":
        data = {
            "rgb": lambda: saved(picture, "JPEG"),
            "gray": lambda: saved(picture.convert("L"), "JPEG"),
            "progressive": lambda: saved(picture, "JPEG", progressive=True),
            "4:4:4": lambda: saved(picture, "JPEG", subsampling=0),
            "cmyk": lambda: saved(picture.convert("CMYK"), "JPEG"),
            "cmyk plain": lambda: adobe(saved(picture.convert("CMYK"), "JPEG"), None),
            "ycck": lambda: adobe(saved(picture.convert("CMYK"), "JPEG"), 2),
            "rgb stored": lambda: saved(picture, "JPEG", keep_rgb=True),
        }[rest]()
        return in_jpeg(data, exif, behind_jfif) if exif else data
    if family == "webp":
        options = {"exif": b"Exif\0\0" + exif} if exif else {}
        return saved(rgba if rest == "alpha" else picture, "WEBP", lossless=rest == "lossless", **options)
    if family == "other":
        return _other(rest, noise, picture, {"exif": b"Exif\0\0" + exif} if exif else {})
    return _gif_or_bmp(kind, picture, rgba)


def _png(kind: Any, noise: Any, rng: Any, before: Any) -> Any:
    name, _, depth = kind.rpartition(" ")
    if kind == "interlaced":
        return png(noise(3), 2, before=before, interlaced=True)
    if name in ("gray", "rgb", "gray alpha", "rgba") and depth.isdigit():
        color_type, channels = {"gray": (0, 1), "rgb": (2, 3), "gray alpha": (4, 2), "rgba": (6, 4)}[name]
        return png(noise(channels, int(depth)), color_type, int(depth), before)
    if depth == "key":
        pixels = noise(1 if name == "gray" else 3)
        key = struct.pack(f">{pixels.shape[-1]}H", *pixels[0, 0])
        return png(pixels, 0 if name == "gray" else 2, 8, before + chunk(b"tRNS", key))
    palette = chunk(b"PLTE", rng.integers(0, 256, 48, dtype=np.uint8).tobytes())
    opacity = chunk(b"tRNS", bytes(range(0, 256, 32))) if kind == "palette opacity" else b""
    return png(noise(1, 4), 3, 4, before + palette + opacity)


def _other(kind: Any, noise: Any, picture: Any, options: Any) -> Any:
    if kind == "tiff pages":
        return saved(picture, "TIFF", save_all=True, append_images=[picture.rotate(180)])
    if kind in ("ppm", "pgm", "pbm"):
        return saved(picture.convert({"ppm": "RGB", "pgm": "L", "pbm": "1"}[kind]), "PPM")
    if kind == "pgm 16":
        return saved(Image.fromarray(noise(1, 16)[..., 0]), "PPM")
    if kind == "tiff 16":
        return saved(Image.fromarray(noise(1, 16)[..., 0]), "TIFF")
    if kind == "tiff rgb 16":
        return rgb_tiff(noise(3, 16))
    return saved(
        picture,
        {"tiff": "TIFF", "jp2": "JPEG2000", "avif": "AVIF"}[kind],
        **(options if kind == "avif" else {}),
    )


def _gif_or_bmp(kind: Any, picture: Any, rgba: Any) -> Any:
    palette = picture.quantize(16)
    data: dict[str, Callable[[], bytes]] = {
        "gif plain": lambda: saved(palette, "GIF"),
        "gif gray": lambda: saved(
            Image.linear_gradient("L").crop((0, 0, *picture.size)), "GIF", optimize=False
        ),
        "gif transparent": lambda: saved(palette, "GIF", transparency=palette.getpixel((0, 0))),
        "gif animation": lambda: saved(palette, "GIF", save_all=True, append_images=[palette.rotate(180)]),
        "gif part": lambda: _larger_canvas(saved(palette, "GIF")),
        "gif commented": lambda: saved(palette, "GIF", comment=b"!" * 700),
        "bmp 24": lambda: saved(picture, "BMP"),
        "bmp gray": lambda: saved(picture.convert("L"), "BMP"),
        "bmp palette": lambda: saved(palette, "BMP"),
        "bmp 1": lambda: saved(picture.convert("1"), "BMP"),
        "bmp 32": lambda: saved(rgba, "BMP"),
        "bmp down": lambda: _downwards(saved(picture, "BMP")),
    }
    return data[kind]()


def _larger_canvas(gif: Any) -> Any:
    width, height = struct.unpack("<HH", gif[6:10])
    return gif[:6] + struct.pack("<HH", width + 3, height + 2) + gif[10:]


def _downwards(bmp: Any) -> Any:
    return bmp[:22] + struct.pack("<i", -struct.unpack("<i", bmp[22:26])[0]) + bmp[26:]

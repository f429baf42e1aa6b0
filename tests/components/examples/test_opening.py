"""Opening image files: refused formats, damage and its reason, bits per value as headers state them."""

import io
import struct
import zlib
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from PIL import Image, TiffImagePlugin

from tfx_contrastive.components.examples import opening
from tfx_contrastive.contract.errors import Reason, RejectedError

PIXELS = bytes(range(16))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def gray(**options: Any) -> bytes:
    return saved(Image.frombytes("L", (4, 4), PIXELS), "PNG", **options)


def tiff(mode: str = "L", **tags: int) -> bytes:
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        directory[int(name.removeprefix("tag"), 16)] = value
    return saved(Image.new(mode, (4, 4), 7), "TIFF", tiffinfo=directory)


def refused(data: bytes) -> tuple[Reason, str]:
    with pytest.raises(RejectedError) as caught, opening.opened(data):
        pass
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "JPEG2000", "PPM"])
def test_a_format_is_opened_by_its_content(kind: str) -> None:
    with opening.opened(saved(Image.new("RGB", (5, 3), "red"), kind)) as image:
        assert (image.format, image.size) == (kind, (5, 3))
        assert image.format in {name for names in opening.EXTENSIONS.values() for name in names}


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", Reason.NOT_AN_IMAGE, "an empty file"),
        (b"GIF89a", Reason.TRUNCATED, "a GIF whose header is damaged (6 bytes)"),
        (b"BM" + bytes(4), Reason.TRUNCATED, "a BMP whose header is damaged (6 bytes)"),
        (b"RIFF\0\0", Reason.TRUNCATED, "a WebP whose header is damaged (6 bytes)"),
        (b"RIFF\4\0\0\0WEBP", Reason.TRUNCATED, "a WebP whose header is damaged (12 bytes)"),
        (b"II*\0", Reason.TRUNCATED, "a TIFF whose header is damaged (4 bytes)"),
        (b"\xff\xd8\xff" + bytes(1497), Reason.TRUNCATED, "a JPEG whose header is damaged (1,500 bytes)"),
        (b"hello", Reason.NOT_AN_IMAGE, "text"),
        (b"RIFF\4\0\0\0WAVE", Reason.NOT_AN_IMAGE, "a RIFF file (WebP, WAV or AVI)"),
        (b"\0\0\1\0\1\0", Reason.NOT_AN_IMAGE, "an icon: save it as PNG or JPEG first"),
    ],
)
def test_what_can_not_be_opened_is_told(data: bytes, reason: Reason, detail: str) -> None:
    assert refused(data) == (reason, detail)


def test_a_header_of_more_pixels_than_memory_allocates_nothing() -> None:
    header = b"IHDR" + struct.pack(">II", 2**31 - 1, 2**31 - 1) + gray()[24:29]
    reason, detail = refused(gray()[:12] + header + struct.pack(">I", zlib.crc32(header)) + gray()[33:])
    assert reason == Reason.DECOMPRESSION_BOMB
    assert f"{(2**31 - 1) ** 2} pixels" in detail


@pytest.mark.parametrize(
    ("error", "data", "reason", "detail"),
    [
        (OSError("image file is truncated"), b"abc", Reason.TRUNCATED, "image file is truncated (3 bytes)"),
        (OSError("broken data stream"), b"abc", Reason.UNREADABLE, "broken data stream (3 bytes)"),
        (EOFError(), b"", Reason.TRUNCATED, "EOFError (0 bytes)"),
        (ValueError("Decompressed Data Too Large"), b"a", Reason.DECOMPRESSION_BOMB,
         "Decompressed Data Too Large (1 bytes)"),
        (OSError("bad"), b"RIFF\5\0\0\0WEBP", Reason.TRUNCATED, "bad (12 bytes)"),  # states 13 bytes
        (OSError("bad"), b"RIFF\4\0\0\0WEBP", Reason.UNREADABLE, "bad (12 bytes)"),  # states what is there
    ],
)  # fmt: skip
def test_errors_of_pillow_have_a_reason(error: Exception, data: bytes, reason: Reason, detail: str) -> None:
    rejected = opening.damaged(error, data)
    assert (rejected.reason, rejected.detail) == (reason, detail)
    assert str(rejected) == f"{reason.value}: {detail}"


@pytest.mark.parametrize(
    ("data", "extension", "is_raw"),
    [
        (b"II*\0\x10\0\0\0CR", ".tif", True),  # Canon says so in the file itself
        (b"II*\0\x08\0\0\0", ".nef", True),
        (b"MM\0*\0\0\0\x08", ".dng", True),
        (b"II*\0\x08\0\0\0", ".tif", False),
        (b"II*\0\x08\0\0\0", "", False),
        (b"\x89PNG", ".dng", False),  # no TIFF, whatever its name
        (b"", ".dng", False),
    ],
)
def test_raw_data_of_cameras(data: bytes, extension: str, is_raw: bool) -> None:
    assert opening.is_raw(data, extension) == is_raw


@pytest.mark.parametrize(
    ("data", "is_raw"),
    [
        (tiff(), False),
        (tiff(tag00fe=0), False),
        (tiff(tag00fe=1), True),  # the first image is a reduced one
        (tiff(tag00fe=2), False),  # one page of several
        (gray(), False),
    ],
)
def test_a_tiff_with_a_thumbnail_first_is_raw(data: bytes, is_raw: bool) -> None:
    with opening.opened(data) as image:
        assert opening.is_raw_tiff(image) == is_raw


def bits(data: bytes) -> int:
    with opening.opened(data) as image:
        return opening.bits_per_value(image, data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (gray(), 8),
        (saved(Image.new("1", (4, 4)), "PNG"), 8),
        (saved(Image.new("I;16", (4, 4)), "PNG"), 16),
        (tiff(), 8),
        (tiff("I;16"), 16),
        (tiff("F"), 32),
        (saved(Image.new("RGB", (4, 4)), "JPEG2000"), 8),
        (b"P4\n8 4\n" + bytes(4), 8),
        (b"P1\n2 2\n0 1 1 0\n", 8),
        (b"Pf\n2 2\n-1.0\n" + bytes(16), 8),  # floats state no greatest value
        (b"P5\n4 4\n15\n" + PIXELS, 8),
        (b"P5\n4 4\n255\n" + PIXELS, 8),
        (b"P5 4 4 1023 " + bytes(32), 10),
        (b"P5\n4 4\n4095\n" + bytes(32), 12),
        (b"P6\n2 2\n65535\n" + bytes(24), 16),
        (b"P5\n# 9 9 9\n4 4\r\n#\n4095\n" + bytes(32), 12),
        (b"P5\n4 4\n1023\n#" + bytes(31), 10),  # the pixels are no comment
        (b"P5\n#" + b"x" * 9000 + b"\n4 4\n1023\n" + bytes(32), 10),
    ],
)
def test_bits_per_value_are_those_that_the_file_states(data: bytes, expected: int) -> None:
    assert bits(data) == expected


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 65535), st.lists(st.binary(max_size=30), max_size=3), st.binary(min_size=32, max_size=32)
)
def test_a_pgm_states_its_greatest_value_behind_any_comments(
    greatest: int, comments: list[bytes], pixels: bytes
) -> None:
    lines = [b"#" + text.replace(b"\r", b"").replace(b"\n", b"") + b"\n" for text in comments]
    header = b"P5\n" + b"".join(lines) + b"4 4\n" + b"".join(lines) + str(greatest).encode() + b"\n"
    assert bits(header + pixels) == max(8, greatest.bit_length())


def test_white_is_zero_in_a_negative_of_16_bits_only() -> None:
    def is_negative(data: bytes) -> bool:
        with opening.opened(data) as image:
            return opening.is_deep_negative(image)

    assert not is_negative(tiff("I;16"))
    assert not is_negative(gray())
    photometric = struct.pack("<HHII", 0x0106, 3, 1, 1)
    deep = tiff("I;16")
    assert deep.count(photometric) == 1
    assert is_negative(deep.replace(photometric, struct.pack("<HHII", 0x0106, 3, 1, 0)))


WHOLE = [
    gray(),
    saved(Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)), "JPEG"),
    saved(Image.new("L", (4, 4)), "GIF"),
    tiff("I;16"),
    b"P5\n4 4\n255\n" + PIXELS,
]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(WHOLE), st.data())
def test_damage_anywhere_is_a_rejection_and_no_other_error(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, min(len(whole), 200) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    try:
        with opening.opened(cut) as image:
            told = str(opening.bits_per_value(image, cut))
    except RejectedError as rejected:
        told = rejected.detail
    assert told

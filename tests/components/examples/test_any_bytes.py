"""Functions that read the beginning of a file accept any bytes; encoded PNGs follow the specification."""

import struct
import zlib

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from tfx_contrastive.components.examples import file_formats, tensorflow_images
from tfx_contrastive.components.examples.png import encode_png

BEGINNINGS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe1",
    b"GIF89a",
    b"BM",
    b"<svg",
    b"RIFF",
    b"\0\0\0\x18ftyp",
]
ANY = st.tuples(st.sampled_from(BEGINNINGS), st.binary(max_size=200)).map(b"".join)


@settings(deadline=None, max_examples=100)
@given(ANY)
def test_any_bytes_have_a_name_and_no_line_break_in_it(data: bytes) -> None:
    told = file_formats.describe_no_image(data)
    assert told
    assert told.isprintable()
    assert file_formats.name_format(data) != ""
    assert not (file_formats.is_heic(data) and file_formats.is_svg(data))


@settings(deadline=None, max_examples=100)
@given(ANY)
def test_any_bytes_have_an_orientation(data: bytes) -> None:
    assert 1 <= tensorflow_images.orientation(data) <= 8
    assert tensorflow_images.is_read_alike(data) in (True, False)
    assert not tensorflow_images.is_deep_png(data) or data.startswith(b"\x89PNG")


def exif_jpeg(exif: bytes) -> bytes:
    segment = b"Exif\0\0" + exif
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", 2 + len(segment)) + segment + b"\xff\xda"


@settings(deadline=None)
@given(st.sampled_from("<>"), st.sampled_from("HI"), st.integers(0, 65535), st.integers(0, 9))
def test_the_orientation_is_found_in_either_byte_order_among_other_tags(
    order: str, form: str, value: int, others: int
) -> None:
    entries = [struct.pack(f"{order}HHII", 0x0100 + i, 4, 1, 6) for i in range(others)]
    entries.append(
        struct.pack(f"{order}HHI{form}", 0x0112, {"H": 3, "I": 4}[form], 1, value).ljust(12, b"\0")
    )
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    exif = mark + struct.pack(f"{order}IH", 8, len(entries)) + b"".join(entries)
    assert tensorflow_images.orientation(exif_jpeg(exif)) == (value if 1 <= value <= 8 else 1)


@pytest.mark.parametrize("start", [0, 2**16, 2**32 - 1])
def test_a_directory_of_tags_that_lies_nowhere_says_nothing(start: int) -> None:
    assert tensorflow_images.orientation(exif_jpeg(b"II*\0" + struct.pack("<I", start))) == 1


@pytest.mark.parametrize(
    ("shape", "color_type", "is_stored"),
    [((2, 5, 7, 1), 0, True), ((1, 3, 4, 3), 2, True), ((1, 1, 1, 4), 6, True), ((1, 64, 64, 1), 0, False)],
)
def test_a_png_is_three_chunks_with_their_checksums(
    shape: tuple[int, ...], color_type: int, is_stored: bool
) -> None:
    pixels = np.arange(np.prod(shape)).astype(np.uint8).reshape(shape)
    files = encode_png(pixels)
    assert len(files) == shape[0]
    for image, data in zip(pixels, files, strict=True):
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        chunks, position = {}, 8
        while position < len(data):
            (length,), kind = struct.unpack_from(">I", data, position), data[position + 4 : position + 8]
            content = data[position + 8 : position + 8 + length]
            (checksum,) = struct.unpack_from(">I", data, position + 8 + length)
            assert checksum == zlib.crc32(kind + content)
            chunks[kind] = content
            position += 12 + length
        assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
        assert chunks[b"IHDR"] == struct.pack(">IIBBBBB", shape[2], shape[1], 8, color_type, 0, 0, 0)
        rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(shape[1], -1)
        assert not rows[:, 0].any()  # no filter
        np.testing.assert_array_equal(rows[:, 1:].reshape(image.shape), image)
        assert (len(chunks[b"IDAT"]) > rows.size) == is_stored

"""Headers of images: orientation, and forms that TensorFlow reads as Pillow does."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.image_forms import chunk, exif_of, in_jpeg, png
from tfx_contrastive.components.examples import tensorflow_images
from tfx_contrastive.components.examples.file_formats import describe_no_image, image_format, name_format

GRAY = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)


def saved(image_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.repeat(GRAY, 3, axis=2)).save(buffer, image_format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_the_orientation_is_read_from_jpeg_and_png(orientation: int, order: str, kind: int) -> None:
    exif = exif_of(orientation, order, kind)
    assert tensorflow_images.orientation(in_jpeg(saved("JPEG"), exif, True)) == orientation
    assert tensorflow_images.orientation(in_jpeg(saved("JPEG"), exif, False)) == orientation
    assert tensorflow_images.orientation(png(GRAY, 0, before=chunk(b"eXIf", exif))) == orientation


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_out_of_range_is_upright(orientation: int) -> None:
    assert tensorflow_images.orientation(in_jpeg(saved("JPEG"), exif_of(orientation, "<"), True)) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_as_pillow_turns_them(orientation: int) -> None:
    from PIL import ImageOps

    image = Image.fromarray(GRAY[..., 0])
    image.getexif()[0x0112] = orientation
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=image.getexif())
    expected = np.asarray(ImageOps.exif_transpose(Image.open(buffer)))
    turned = tensorflow_images.turn_upright(GRAY, orientation)
    np.testing.assert_array_equal(turned[..., 0], expected)
    assert turned.flags.c_contiguous


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1\0\x10Exif\0\0II*\0", b"GIF89a"])
def test_cut_headers_are_upright(data: bytes) -> None:
    assert tensorflow_images.orientation(data) == 1


@pytest.mark.parametrize(
    ("data", "alike"),
    [
        (saved("JPEG"), True),
        (saved("PNG"), True),
        (png(GRAY, 0, before=chunk(b"tRNS", b"\0\1")), False),
        (saved("GIF"), True),
        (saved("GIF", transparency=0), False),
        (saved("BMP"), True),
        (saved("WEBP"), False),
        (saved("TIFF"), False),
        (b"", False),
        (b"GIF89a", False),
        (b"BM" + struct.pack("<I", 10), False),
    ],
)
def test_forms_that_tensorflow_reads_as_pillow_does(data: bytes, alike: bool) -> None:
    assert tensorflow_images.is_read_alike(data) is alike


def test_pngs_of_16_bits() -> None:
    assert tensorflow_images.is_deep_png(png(GRAY.astype(np.uint16), 0, depth=16))
    assert not tensorflow_images.is_deep_png(png(GRAY, 0))
    assert not tensorflow_images.is_deep_png(saved("TIFF"))


def test_gray_with_alpha_becomes_rgba() -> None:
    pixels = np.array([[[7, 200]]], np.uint8)
    assert tensorflow_images.without_gray_alpha(pixels).tolist() == [[[7, 7, 7, 200]]]
    for channels in (1, 3, 4):
        same = np.zeros((1, 1, channels), np.uint8)
        assert tensorflow_images.without_gray_alpha(same) is same


LFS = "a Git LFS pointer, not the file itself: run `git lfs pull`"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "an empty file"),
        (saved("PNG"), "a PNG image"),
        (saved("JPEG"), "a JPEG image"),
        (saved("TIFF"), "a TIFF image"),
        (b"PK\x03\x04", "a zip file (also .npz)"),
        (b"\x78\x9c\x00", "a file compressed with zlib"),
        (bytes(600), "a file of zeros, such as an interrupted copy leaves"),
        (b"version https://git-lfs.github.com/spec/v1", LFS),
        (bytes(257) + b"ustar", "a tar file"),
        (b' {"a": 1}', "JSON"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"<!DOCTYPE html>", "HTML"),
        ("Grüße".encode(), "text"),
        (("ü" * 256).encode()[1:], None),
        (b"a" * 511 + "ü".encode()[:1], "text"),  # a character cut in two
        (b"\x01\x02\x03", None),
    ],
)
def test_formats_by_their_first_bytes(head: bytes, name: str | None) -> None:
    assert name_format(head[:512]) == name


def test_readable_images_have_one_list() -> None:
    formats = ["PNG", "JPEG", "GIF", "TIFF"]
    assert [image_format(saved(name)) for name in formats] == formats
    assert image_format(b"BM") is None  # text may begin so


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"<?xml version='1.0'?><!-- x --><svg xmlns='y'>", "an SVG drawing"),
        (bytes(128) + b"DICM", "a DICOM file"),
        (bytes(100) + b"TRUEVISION-XFILE.\0", "a TGA image"),
        (b"\0\0\0\x18ftypheic", "an HEIC photo"),
        (b"\0\0\0\x18ftypavif", "an AVIF image"),
        (b"\0\0\0\x18ftypcrx ", "a camera's raw data"),
        (b"\0\0\0\x18ftypisom", "a video"),
        (b"RIFF\0\0\0\0AVI ", "a video"),
        (b"%PDF-1.7", "a PDF document"),
        (b"8BPS", "a Photoshop document"),
        (b" <!doctype HTML><html>", "an HTML page: what was downloaded is no image"),
        (b"PAR1", "a Parquet file"),
        (b"\x01\x02\x03", "starts with 010203"),
    ],
)
def test_files_that_are_no_images_are_named_with_advice(data: bytes, told: str) -> None:
    assert describe_no_image(data).startswith(told)

"""Files that are no images are named, with advice."""

from typing import Any

import pytest
from PIL import Image

from tests.components.examples.test_decode import LIMIT, ok, reason, saved
from tests.components.image_example_gen.support import encoded, picture
from tfx_contrastive.components.examples.decode import decode
from tfx_contrastive.components.examples.model_input import SeenAs
from tfx_contrastive.contract.errors import Reason, RejectedError


def test_what_is_no_image() -> None:
    assert reason(b"<html>not found</html>", "a.png") == Reason.NOT_AN_IMAGE


@pytest.mark.parametrize(
    ("data", "name", "told"),
    [
        (b"\0\0\0\x18ftypcrx " + bytes(99), "a.cr3", "a camera's raw data: develop it"),
        (b"\0\0\0\x18ftypisom" + bytes(99), "a.mp4", "a video: take frames"),
        (b"\0\0\0\x18ftypqt  " + bytes(99), "a.mov", "a video: take frames"),
        (b"RIFF\x10\0\0\0AVI LIST" + bytes(99), "a.avi", "a video: take frames"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", "an SVG drawing: draw it as PNG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x -->\n<svg></svg>", "a.svg", "an SVG drawing"),
        (b"qoif" + bytes(99), "a.qoi", "a QOI image: save it as PNG"),
        (b"P7\nWIDTH 22\n", "a.pam", "a PAM image: save it as PNG"),
        (bytes(99) + b"TRUEVISION-XFILE.\0", "a.tga", "a TGA image: save it as PNG"),
        (b"8BPS\0\1" + bytes(99), "a.psd", "a Photoshop document: save it as PNG"),
        (b"%PDF-1.7", "a.pdf", "a PDF document: draw its pages"),
        (bytes(128) + b"DICM" + bytes(99), "a.dcm", "a DICOM file: save it as PNG"),
        (b"FUJIFILMCCD-RAW" + bytes(99), "a.raf", "a camera's raw data"),
        (b"<!DOCTYPE html><html>", "a.jpg", "an HTML page: what was downloaded is no image"),
        (b"PAR1" + bytes(99), "a.parquet", "a Parquet file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a.png", "run `git lfs pull`"),
        (b"\1\2\3\4\5\6\7\x08\xff\xfe", "a.bin", "starts with 0102030405060708"),
    ],
)
def test_what_is_no_image_is_named(data: Any, name: str, told: Any) -> None:
    with pytest.raises(RejectedError) as caught:
        ok(data, name)
    assert caught.value.reason == Reason.NOT_AN_IMAGE
    assert told in caught.value.detail


@pytest.mark.parametrize("name", ["a.dng", "a.nef", "a.tif"])
def test_a_thumbnail_in_raw_data_is_not_taken_for_the_picture(name: str) -> None:
    from PIL import TiffImagePlugin

    tags = TiffImagePlugin.ImageFileDirectory_v2()
    if name == "a.tif":
        tags[254] = 1  # a small copy of another picture in the file
    data = saved(Image.fromarray(picture(1)), "TIFF", tiffinfo=tags)
    with pytest.raises(RejectedError, match="a camera's raw data"):
        ok(data, name)


@pytest.mark.parametrize("name", ["a.jfif", "a.jpe", "a.JPG", "boot.v2", "2020.01.02", "a"])
def test_names_of_jpegs(name: str) -> None:
    data = encoded(picture(1), "JPEG")
    assert ok(data, name).encoded == data


def test_extension_must_be_true() -> None:
    data = encoded(picture(1), "JPEG")
    assert reason(data, "a.png") == Reason.WRONG_EXTENSION
    assert reason(data, "a.txt") == Reason.WRONG_EXTENSION
    assert ok(data, "a.JPEG").encoded == data
    assert ok(data, "no extension").encoded == data
    assert decode(data, "a.png", False, LIMIT).encoded == data


def test_a_damaged_header_is_told_with_its_format() -> None:
    with pytest.raises(RejectedError, match=r"a GIF whose header is damaged \(8 bytes\)"):
        decode(b"GIF89a\0\0", "a/1.gif", True, 10_000, SeenAs())

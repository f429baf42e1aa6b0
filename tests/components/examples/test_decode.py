"""Decoding of images to pixels, and the reasons for which images are refused."""

import io
import struct
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.components.image_example_gen.support import encoded, picture, rgb_tiff
from tfx_contrastive.components.examples.decode import BOMB_PIXELS, decode, judge
from tfx_contrastive.components.examples.model_input import SeenAs
from tfx_contrastive.contract.errors import Reason, RejectedError

LIMIT = 50_000_000


def ok(data: Any, source: Any = "a", limit: Any = LIMIT) -> Any:
    return decode(data, source, True, limit)


def reason(data: Any, source: Any = "a", limit: Any = LIMIT) -> Any:
    with pytest.raises(RejectedError) as caught:
        ok(data, source, limit)
    assert caught.value.detail
    return caught.value.reason


def saved(image: Any, image_format: Any = "PNG", **options: Any) -> Any:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> Any:
    def chunk(kind: Any, data: Any) -> Any:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_keeps_bytes_and_pixels(channels: int) -> None:
    pixels = picture(1, channels=channels)
    data = encoded(pixels)
    decoded = ok(data)
    assert decoded.encoded == data
    np.testing.assert_array_equal(decoded.pixels, pixels.reshape(12, 16, channels))


@pytest.mark.parametrize("image_format", ["BMP", "GIF", "JPEG"])
def test_formats_that_tensorflow_reads_alike_keep_their_bytes(image_format: Any) -> None:
    gray = picture(2, channels=1)
    data = encoded(gray if image_format == "GIF" else picture(2), image_format)
    decoded = ok(data)
    assert decoded.encoded == data
    assert decoded.pixels.shape == (12, 16, 3)


def test_webp_becomes_png_with_the_same_pixels() -> None:
    pixels = picture(3)
    decoded = ok(encoded(pixels, "WEBP", lossless=True), "a.webp")
    np.testing.assert_array_equal(decoded.pixels, pixels)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(decoded.encoded))), pixels)


def test_first_frame_of_an_animation() -> None:
    frames = [Image.fromarray(picture(seed, channels=1)) for seed in (4, 5)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(ok(data).pixels[..., 0], picture(4, channels=1))


def test_exif_rotation_is_applied_and_the_bytes_are_kept() -> None:
    pixels = picture(6)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: rotate by 90 degrees
    data = saved(Image.fromarray(pixels), "PNG", exif=exif)
    decoded = ok(data)
    np.testing.assert_array_equal(decoded.pixels, np.rot90(pixels, -1))
    assert decoded.encoded == data


def test_sixteen_bits_keep_the_high_byte_as_tensorflow_does() -> None:
    import tensorflow as tf

    deep = np.random.default_rng(7).integers(0, 65536, (9, 7), dtype=np.uint16)
    decoded = ok(encoded(deep))
    np.testing.assert_array_equal(decoded.pixels[..., 0], deep >> 8)
    np.testing.assert_array_equal(tf.io.decode_image(decoded.encoded).numpy(), decoded.pixels)


@pytest.mark.parametrize(
    ("image", "mode"),
    [
        (Image.fromarray(picture(8)).quantize(16), "RGB"),
        (Image.fromarray(picture(8, channels=4)).quantize(16), "RGBA"),
        (Image.fromarray(picture(8, channels=1)).convert("1"), "L"),
        (Image.fromarray(picture(8, channels=2)[..., :2], "LA"), "RGBA"),
    ],
    ids=["palette", "palette with transparency", "1 bit", "gray with alpha"],
)
def test_unusual_modes_read_alike_in_tensorflow(image: Any, mode: Any) -> None:
    import tensorflow as tf

    decoded = ok(saved(image))
    expected = np.asarray(image.convert(mode))
    np.testing.assert_array_equal(decoded.pixels, expected.reshape(decoded.pixels.shape))
    read = tf.io.decode_image(decoded.encoded).numpy()
    np.testing.assert_array_equal(read[..., [0, 0, 0, 1]] if image.mode == "LA" else read, decoded.pixels)


def test_cmyk_jpeg_becomes_rgb() -> None:
    image = Image.fromarray(picture(9)).convert("CMYK")
    assert ok(saved(image, "JPEG")).pixels.shape == (12, 16, 3)


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "WEBP", "BMP"])
def test_truncated(image_format: Any) -> None:
    data = encoded(picture(10, 64, 64), image_format)
    assert reason(data[: len(data) // 2]) == Reason.TRUNCATED
    assert reason(data[:12]) in (Reason.TRUNCATED, Reason.UNREADABLE)


@pytest.mark.parametrize(
    ("image_format", "name"),
    [("TIFF", "a.tif"), ("TIFF", "a.TIFF"), ("JPEG2000", "a.jp2"), ("AVIF", "a.avif")],
)
def test_other_formats_become_png(image_format: Any, name: str) -> None:
    data = saved(Image.fromarray(picture(1)), image_format)
    decoded = ok(data, name)
    read = Image.open(io.BytesIO(decoded.encoded))
    assert read.format == "PNG"
    np.testing.assert_array_equal(np.asarray(read), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_heic_is_read_with_its_extra_and_named_without(monkeypatch: pytest.MonkeyPatch) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    smooth = Image.fromarray(np.arange(64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8) // 8 * 8)
    data = saved(smooth, "HEIF", quality=95)
    assert ok(data, "IMG_0001.HEIC").pixels.shape == (64, 64, 3)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.setattr(Image, "OPEN", {k: v for k, v in Image.OPEN.items() if k != "HEIF"})
    with pytest.raises(RejectedError, match=r"an HEIC photo: `pip install 'tfx-contrastive\[heic\]'`"):
        ok(data, "IMG_0001.HEIC")


def test_a_tiff_of_unknown_pixels_is_not_called_damaged() -> None:
    data = rgb_tiff(np.zeros((9, 9, 3), np.uint16))
    as_rgb, as_ycbcr = (struct.pack("<HHII", 262, 3, 1, photometric) for photometric in (2, 6))
    with pytest.raises(RejectedError) as caught:
        ok(data.replace(as_rgb, as_ycbcr))
    assert caught.value.reason == Reason.UNREADABLE
    assert "a TIFF with pixels of a kind that can't be read" in caught.value.detail


def test_32_bits_per_pixel_are_refused() -> None:
    for deep in (np.arange(99, dtype=np.float32), np.arange(99, dtype=np.int32)):
        with pytest.raises(RejectedError, match="32 bits per pixel") as caught:
            ok(saved(Image.fromarray(deep.reshape(9, 11)), "TIFF"))
        assert caught.value.reason == Reason.UNREADABLE


def test_sixteen_bits_of_a_tiff_keep_the_high_byte() -> None:
    deep = np.random.default_rng(7).integers(0, 65536, (9, 7), dtype=np.uint16)
    np.testing.assert_array_equal(ok(saved(Image.fromarray(deep), "TIFF")).pixels[..., 0], deep >> 8)


def test_empty_file() -> None:
    assert reason(b"", "a.png") == Reason.EMPTY_FILE


def test_one_pixel_is_blank() -> None:
    assert reason(encoded(picture(1, 1, 1))) == Reason.BLANK


def test_one_color_is_blank() -> None:
    assert reason(encoded(np.full((5, 5, 3), (1, 2, 3), np.uint8))) == Reason.BLANK


@pytest.mark.parametrize(
    ("ink", "ground", "told"),
    [
        (255, (255, 255, 255), "try image.background: black"),
        (0, (0, 0, 0), "try image.background: white"),
        (0, (255, 255, 255), None),
        (255, (0, 0, 0), None),
    ],
)
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_drawing_in_alpha_is_judged_on_its_ground(ink: Any, ground: Any, told: Any, mode: Any) -> None:
    pixels = np.full((9, 9, 4), ink, np.uint8)
    pixels[..., 3] = 0
    pixels[2:6, 3:5, 3] = 255
    image = Image.fromarray(pixels)
    data = saved(image.quantize(4) if mode == "P" else image.convert(mode))
    seen_as = SeenAs(ground=ground, channels=3)
    if told is None:
        assert decode(data, "a", True, LIMIT, seen_as).pixels.shape == (9, 9, 4)
    else:
        with pytest.raises(RejectedError, match=f"but for transparency.*{told}") as caught:
            decode(data, "a", True, LIMIT, seen_as)
        assert caught.value.reason == Reason.BLANK


def test_colors_of_one_gray_are_blank_for_a_model_of_grays() -> None:
    pixels = np.full((9, 9, 3), (0, 149, 0), np.uint8)
    pixels[3:5, 3:5] = (0, 0, 0)
    pixels[pixels[..., 1] == 0] = (255, 19, 0)  # luma 87.4, as 149 of green
    with pytest.raises(RejectedError, match="as gray, .*try image.channels: 3"):
        decode(encoded(pixels), "a", True, LIMIT, SeenAs(channels=1))


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
def test_few_of_16_bits(image_format: Any) -> None:
    deep = np.random.default_rng(7).integers(3, 200, (9, 7), dtype=np.uint16)
    data = saved(Image.fromarray(deep), image_format)
    with pytest.raises(
        RejectedError, match=r"8 high bits, values from 3 to 19\d of 65,536: .*image.bit_depth.* 8 or more"
    ):
        ok(data)
    decoded = decode(data, "a", True, LIMIT, SeenAs(bit_depth=8))
    np.testing.assert_array_equal(decoded.pixels[..., 0], deep)
    assert decoded.deepest == judge(data, "a", True, LIMIT, SeenAs(bit_depth=8)).deepest == deep.max()


def test_12000_by_9000_is_over_the_limit_and_never_unpacked() -> None:
    assert reason(png_header(12_000, 9_000)) == Reason.OVER_PIXEL_LIMIT


def test_limit_counts_pixels() -> None:
    data = encoded(picture(1, 10, 20))
    assert ok(data, limit=200).encoded == data
    assert reason(data, limit=199) == Reason.OVER_PIXEL_LIMIT


def test_decompression_bomb() -> None:
    assert reason(png_header(60_000, 60_000)) == Reason.DECOMPRESSION_BOMB


def test_damaged_checksum() -> None:
    data = bytearray(encoded(picture(1, 64, 64)))
    data[200] ^= 0xFF
    assert reason(bytes(data)) in (Reason.UNREADABLE, Reason.TRUNCATED)


def test_pillow_refuses_more_pixels_than_any_configuration_allows() -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    assert BOMB_PIXELS == 2 * Image.MAX_IMAGE_PIXELS
    assert reason(png_header(1, BOMB_PIXELS + 1), limit=BOMB_PIXELS) == Reason.DECOMPRESSION_BOMB
    assert reason(png_header(1, BOMB_PIXELS), limit=BOMB_PIXELS - 1) == Reason.OVER_PIXEL_LIMIT

"""The promise of equal pixels: what training is fed, a served model and its commands read alike.

Every form that ImageExampleGen accepts goes both ways: through its decoder into the Transform graph, and
as it is into `ImageReader`, the reader of every signature, and through `for_model`, by which `serve` and
`search` send an upload.
"""

import io
import struct
import zlib
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from PIL import Image

from tests.components.image_example_gen.support import rgb_tiff
from tests.trainer_module.digits_data import encode_png, make_example, run_transform
from tfx_contrastive.components.examples import tensorflow_images
from tfx_contrastive.components.examples.decode import decode, for_model
from tfx_contrastive.components.examples.model_input import SeenAs, as_seen
from tfx_contrastive.contract.errors import Reason, RejectedError
from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.images import decode_image
from tfx_contrastive.trainer_module.orientation import read_preambles
from tfx_contrastive.trainer_module.serving.signatures import ImageReader

MAX_PIXELS = 100_000
REFUSED = r"not an encoded image|read otherwise than in training|can't be decoded"
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


def png(pixels: Any, color_type: Any, depth: int = 8, before: bytes = b"", interlaced: bool = False) -> Any:
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
        tensorflow_images.PNG_SIGNATURE
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def saved(image: Any, image_format: Any, **options: Any) -> Any:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def exif_of(orientation: int, order: str, kind: int = 3) -> bytes:
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


def make(kind: Any, seed: Any, height: Any, width: Any, exif: Any = None, behind_jfif: bool = True) -> Any:
    """Draws a picture by chance and encodes it; smooth where the encoding is lossy."""
    rng = np.random.default_rng(seed)

    def noise(channels: Any, depth: int = 8) -> Any:
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
    data = {
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
    }[kind]
    return data()


def _larger_canvas(gif: Any) -> Any:
    width, height = struct.unpack("<HH", gif[6:10])
    return gif[:6] + struct.pack("<HH", width + 3, height + 2) + gif[10:]


def _downwards(bmp: Any) -> Any:
    return bmp[:22] + struct.pack("<i", -struct.unpack("<i", bmp[22:26])[0]) + bmp[26:]


@pytest.fixture(scope="module", params=[1, 3, 4], ids=["gray", "rgb", "rgba"])
def readers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """What training reads and what a served model reads, of a real Transform graph."""
    return make_readers(ImageConfig(height=9, width=12, channels=request.param), tmp_path_factory)


def make_readers(config: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    example = make_example(encode_png(np.arange(108, dtype=np.uint8).reshape(9, 12)))
    transform = run_transform(tmp_path_factory.mktemp("transform"), [example], config)
    layer, spec = transform.transform_features_layer(), transform.raw_feature_spec()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def trained_on(examples: Any) -> Any:
        return layer(tf.io.parse_example(examples, spec))["image"]

    reader = ImageReader(transform, MAX_PIXELS)
    served = tf.function(reader.pixels_of_bytes, input_signature=[tf.TensorSpec([None], tf.string)])
    return (lambda image: trained_on(tf.constant([make_example(image)])).numpy()[0]), (
        lambda image: served(tf.constant([image])).numpy()[0]
    )


def check(readers: Any, data: Any) -> bool:
    """Equal pixels by all ways; the model alone may refuse. Returns whether it did."""
    trained_on, served = readers
    expected = trained_on(decode(data, "", False, MAX_PIXELS).encoded)
    np.testing.assert_array_equal(served(for_model(data, MAX_PIXELS)), expected)
    if tensorflow_images.is_read_alike(data):
        np.testing.assert_array_equal(served(data), expected)
        return False
    with pytest.raises(tf.errors.InvalidArgumentError, match=REFUSED):
        served(data)
    return True


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_form_gives_equal_pixels_or_is_refused(readers: tuple[Any, Any], kind: Any) -> None:
    refused = check(readers, make(kind, 1, 17, 22))
    assert refused == (
        kind
        in ("png gray key", "png rgb key", "gif transparent", "gif part", "bmp palette", "bmp 1", "bmp 32")
        or kind.startswith(("webp", "other"))
    )


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    kind=st.sampled_from(ALL_KINDS),
    seed=st.integers(0, 2**20),
    height=st.integers(2, 20),
    width=st.integers(2, 20),
    orientation=st.integers(0, 9),
    order=st.sampled_from("<>"),
    kind_of_value=st.sampled_from((3, 4)),
    behind_jfif=st.booleans(),
)
def test_any_picture_in_any_form_and_orientation(
    readers: tuple[Any, Any],
    kind: Any,
    seed: Any,
    height: Any,
    width: Any,
    orientation: Any,
    order: Any,
    kind_of_value: Any,
    behind_jfif: Any,
) -> None:
    data = make(kind, seed, height, width, exif_of(orientation, order, kind_of_value), behind_jfif)
    try:
        decode(data, "", False, MAX_PIXELS)
        reason = None
    except RejectedError as rejected:
        reason = rejected.reason
    if reason is None:
        check(readers, data)
    else:
        assert reason == Reason.BLANK


@pytest.mark.parametrize("readers", [3], indirect=True)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg rgb", "png rgb 8", "webp lossless"])
def test_turned_pictures_are_upright(readers: Any, kind: str, orientation: Any) -> None:
    """Stored as a camera holds it, read as the plain picture."""
    trained_on, _ = readers
    upright = np.kron(np.random.default_rng(0).integers(0, 256, (2, 3, 3)), np.ones((8, 8, 1))).astype(
        np.uint8
    )
    undo = {6: 8, 8: 6}.get(orientation, orientation)
    stored = Image.fromarray(tensorflow_images.turn_upright(upright, undo))
    name, options = {"jpeg rgb": ("JPEG", {"subsampling": 0, "quality": 100}), "png rgb 8": ("PNG", {})}.get(
        kind, ("WEBP", {"lossless": True})
    )
    data = saved(stored, name, exif=b"Exif\0\0" + exif_of(orientation, ">"), **options)
    plain = trained_on(saved(Image.fromarray(upright), "PNG"))
    assert np.abs(trained_on(decode(data, "", False, MAX_PIXELS).encoded) - plain).mean() < 2
    check(readers, data)


@pytest.mark.parametrize(
    "kind", ["png rgba 8", "png gray alpha 8", "png palette opacity", "png rgb 8", "webp alpha"]
)
def test_transparency_lies_on_the_ground_as_ingest_judges_it(kind: str) -> None:
    for channels, background in ((1, "black"), (3, "#ff8000"), (3, "white")):
        config = ImageConfig(height=17, width=22, channels=channels, background=background)
        seen_as = SeenAs(ground=config.ground, channels=channels)
        decoded = decode(make(kind, 3, 17, 22), "", False, MAX_PIXELS, seen_as)
        read = decode_image(tf.constant(decoded.encoded), config).numpy()
        np.testing.assert_array_equal(read, np.broadcast_to(as_seen(decoded.pixels, seen_as), read.shape))


@pytest.mark.parametrize(
    "kind",
    [
        *("png gray 16", "png rgb 16", "png gray alpha 16", "png rgba 16", "png gray 8"),
        *("other tiff 16", "other pgm 16"),
    ],
)
def test_data_of_12_bits_keep_256_levels(kind: Any) -> None:
    config = ImageConfig(height=17, width=22, channels=4, bit_depth=12)
    seen_as = SeenAs(bit_depth=12, channels=4)
    data = make(kind, 4, 17, 22)
    decoded = decode(data, "", False, MAX_PIXELS, seen_as)
    expected = decode_image(tf.constant(decoded.encoded), config).numpy()
    prepared = for_model(data, MAX_PIXELS, 12)
    np.testing.assert_array_equal(decode_image(tf.constant(prepared), config), expected)
    if kind in ("png gray 16", "other tiff 16", "other pgm 16"):
        values = np.asarray(Image.open(io.BytesIO(data))).astype(int)
        np.testing.assert_array_equal(expected[..., 0], np.minimum(values // 16, 255))
        assert decoded.deepest == values.max()


@pytest.mark.parametrize("magic", ["P5", "P2"])
@pytest.mark.parametrize("greatest", [63, 255, 1000, 4095, 65535])
def test_a_pgm_states_its_greatest_value(magic: str, greatest: int) -> None:
    values = np.random.default_rng(7).integers(0, greatest + 1, (17, 22))
    as_bytes = values.astype(">u2" if greatest > 255 else "u1").tobytes()
    body = as_bytes if magic == "P5" else " ".join(map(str, values.ravel())).encode()
    data = f"{magic} # of a camera\n22 17\n{greatest}\n".encode() + body
    for bit_depth in (12, 16):
        decoded = decode(data, "a.pgm", True, MAX_PIXELS, SeenAs(bit_depth=bit_depth, channels=1))
        if greatest < 65535:
            np.testing.assert_allclose(decoded.pixels[..., 0], values * (255 / greatest), atol=1)
        else:
            np.testing.assert_array_equal(decoded.pixels[..., 0], np.minimum(values >> (bit_depth - 8), 255))
        config = ImageConfig(height=17, width=22, bit_depth=bit_depth)
        served = decode_image(tf.constant(for_model(data, MAX_PIXELS, bit_depth)), config)
        np.testing.assert_array_equal(served, decoded.pixels)


@pytest.mark.parametrize("bit_depth", [12, 16])
def test_a_negative_tiff_of_16_bits_is_turned_round(bit_depth: int) -> None:
    values = np.random.default_rng(7).integers(0, 1 << bit_depth, (17, 22), np.uint16)
    data = saved(Image.fromarray(values), "TIFF", tiffinfo={262: 0})
    seen_as = SeenAs(bit_depth=bit_depth, channels=1)
    expected = ((1 << bit_depth) - 1 - values) >> (bit_depth - 8)
    np.testing.assert_array_equal(decode(data, "", False, MAX_PIXELS, seen_as).pixels[..., 0], expected)


def jpeg_2000_of_12_bits(values: Any) -> bytes:
    """A JPEG 2000 that states 12 bits: 16 are written, the middle of the range moved to that of 12 bits."""
    picture = Image.fromarray(values + np.uint16(32_768 - 2_048))
    data = bytearray(saved(picture, "JPEG2000", no_jp2=True))
    data[42] = 11  # bits less one
    return bytes(data)


def test_jpeg_2000_states_its_bits() -> None:
    values = np.random.default_rng(7).integers(0, 4096, (17, 22), np.uint16)
    stated, unstated = jpeg_2000_of_12_bits(values), saved(Image.fromarray(values), "JPEG2000")
    for data, bit_depth in ((stated, 12), (stated, 14), (stated, 16), (unstated, 12)):
        seen_as = SeenAs(bit_depth=bit_depth, channels=1)
        decoded = decode(data, "", False, MAX_PIXELS, seen_as)
        np.testing.assert_array_equal(decoded.pixels[..., 0], values >> 4)
        config = ImageConfig(height=17, width=22, bit_depth=bit_depth)
        served = decode_image(tf.constant(for_model(data, MAX_PIXELS, bit_depth)), config)
        np.testing.assert_array_equal(served, decoded.pixels)
        assert (decoded.deepest == values.max()) == (bit_depth == 12)


def test_colors_of_16_bits_that_use_12() -> None:
    """The decoder keeps their high bytes: with `bit_depth: 16` they tell, with 12 they are no answer."""
    values = np.random.default_rng(7).integers(0, 4096, (17, 22, 4)).astype(np.uint16)
    values[..., 3] = 65_535  # opacity uses all bits, whatever colors do
    tiff, deep_png = rgb_tiff(values[..., :3]), png(values, 6, 16)
    for data in (tiff, deep_png):
        assert decode(data, "", False, MAX_PIXELS).deepest == 4095
    read = decode(deep_png, "", False, MAX_PIXELS, SeenAs(bit_depth=12)).pixels
    np.testing.assert_array_equal(read[..., :3], values[..., :3] >> 4)
    for bring in (
        lambda: decode(tiff, "", False, MAX_PIXELS, SeenAs(bit_depth=12)),
        lambda: for_model(tiff, MAX_PIXELS, 12),
    ):
        with pytest.raises(RejectedError, match=r"TIFF of 16 bits .*bit_depth: 12 can.+t be taken: save it"):
            bring()


@tf.function(input_signature=[tf.TensorSpec([1], tf.string)])
def _preambles(contents: Any) -> Any:
    return read_preambles(contents)


def orientation_in_graph(contents: Any) -> int:
    return int(_preambles(tf.constant([contents])).orientation[0])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    data=st.binary(max_size=60),
    start=st.sampled_from(
        (
            b"",
            b"\xff\xd8\xff\xe1\x00\x40Exif\0\0",
            tensorflow_images.PNG_SIGNATURE + b"\0" * 25 + b"\0\0\0\x30eXIf",
        )
    ),
    exif=st.sampled_from((b"", exif_of(6, "<"), exif_of(8, ">"), exif_of(3, "<")[:20])),
)
def test_both_sides_find_the_same_orientation_in_damaged_headers(data: Any, start: Any, exif: Any) -> None:
    contents = start + exif + data
    assert orientation_in_graph(contents) == tensorflow_images.orientation(contents)


def test_far_too_many_segments_end_the_search() -> None:
    for step, exif in ((b"\xff\xe2\x00\x02", b"\xff\xe1\x00\x2e"), (b"\xff", b"\xff\xe1\x00\x2e")):
        contents = b"\xff\xd8" + step * 300 + exif + b"Exif\0\0" + exif_of(6, "<")
        assert tensorflow_images.orientation(contents) == 1
        assert orientation_in_graph(contents) == 1

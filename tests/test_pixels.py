"""The promise of equal pixels: what training is fed, a served model and its commands read alike.

Every form that ImageExampleGen accepts goes both ways: through its decoder into the Transform graph, and
as it is into `ImageReader`, the reader of every signature, and through `for_model`, by which `serve` and
`search` send an upload.
"""

import io
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from PIL import Image

from tests.components.image_example_gen.support import rgb_tiff
from tests.image_forms import ALL_KINDS, exif_of, make, png, saved
from tests.trainer_module.digits_data import encode_png, make_example, run_transform
from tfx_contrastive.components.examples import tensorflow_images
from tfx_contrastive.components.examples.decode import decode, for_model
from tfx_contrastive.components.examples.model_input import SeenAs, as_seen
from tfx_contrastive.components.examples.png import PNG_SIGNATURE
from tfx_contrastive.contract.errors import Reason, RejectedError
from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.images import decode_image
from tfx_contrastive.trainer_module.orientation import read_preambles
from tfx_contrastive.trainer_module.serving.signatures import ImageReader

MAX_PIXELS = 100_000
REFUSED = r"not an encoded image|read differently in training|can't be decoded"


@pytest.fixture(scope="module", params=[1, 3, 4], ids=["gray", "rgb", "rgba"])
def readers(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Any:
    """What training reads and what a served model reads, of a real Transform graph."""
    return make_readers(ImageConfig(height=9, width=12, channels=request.param), tmp_path_factory)


def make_readers(config: Any, tmp_path_factory: Any) -> Any:
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


def check(readers: Any, data: Any) -> Any:
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
def test_every_form_gives_equal_pixels_or_is_refused(readers: Any, kind: Any) -> None:
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
    readers: Any,
    kind: Any,
    seed: int,
    height: int,
    width: int,
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
def test_turned_pictures_are_upright(readers: Any, kind: Any, orientation: Any) -> None:
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
def test_transparency_lies_on_the_ground_as_ingest_judges_it(kind: Any) -> None:
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
def test_a_pgm_states_its_greatest_value(magic: Any, greatest: Any) -> None:
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
def test_a_negative_tiff_of_16_bits_is_turned_round(bit_depth: Any) -> None:
    values = np.random.default_rng(7).integers(0, 1 << bit_depth, (17, 22), np.uint16)
    data = saved(Image.fromarray(values), "TIFF", tiffinfo={262: 0})
    seen_as = SeenAs(bit_depth=bit_depth, channels=1)
    expected = ((1 << bit_depth) - 1 - values) >> (bit_depth - 8)
    np.testing.assert_array_equal(decode(data, "", False, MAX_PIXELS, seen_as).pixels[..., 0], expected)


def jpeg_2000_of_12_bits(values: Any) -> Any:
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


def orientation_in_graph(contents: Any) -> Any:
    return int(_preambles(tf.constant([contents])).orientation[0])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    data=st.binary(max_size=60),
    start=st.sampled_from(
        (
            b"",
            b"\xff\xd8\xff\xe1\x00\x40Exif\0\0",
            PNG_SIGNATURE + b"\0" * 25 + b"\0\0\0\x30eXIf",
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

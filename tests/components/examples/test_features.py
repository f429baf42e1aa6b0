"""PNG encoding, ids and statistics of images, and the examples made from them."""

import hashlib
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.components.image_example_gen.support import picture
from tfx_contrastive.components.examples import features
from tfx_contrastive.components.examples.png import encode_png


def batch(num_images: Any, height: int, width: int, channels: int) -> Any:
    return np.stack([picture(i, height, width, channels) for i in range(num_images)]).reshape(
        num_images, height, width, channels
    )


@pytest.mark.parametrize("shape", [(3, 8, 8, 1), (2, 5, 7, 3), (2, 40, 50, 4), (1, 200, 100, 1)])
def test_png_round_trip(shape: Any) -> None:
    import tensorflow as tf

    pixels = batch(*shape)
    for image, data in zip(pixels, encode_png(pixels), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))).reshape(image.shape), image)
        np.testing.assert_array_equal(tf.io.decode_png(data).numpy(), image)


def test_image_id_is_the_digest_of_size_and_pixels() -> None:
    pixels = batch(2, 4, 6, 3)
    expected = [hashlib.sha256(b"4x6x3" + image.tobytes()).hexdigest() for image in pixels]
    assert [each.tobytes().hex() for each in features.image_ids(pixels)] == expected


def test_image_id_knows_the_size() -> None:
    pixels = picture(1, 4, 4, 1)
    square, row = pixels.reshape(1, 4, 4, 1), pixels.reshape(1, 2, 8, 1)
    assert not np.array_equal(features.image_ids(square), features.image_ids(row))


@pytest.mark.parametrize("channels", [1, 3])
def test_statistics_equal_their_definitions(channels: int) -> None:
    pixels = batch(5, 9, 11, channels)
    mean, contrast, entropy = features.pixel_statistics(pixels)
    for i, image in enumerate(pixels):
        scaled = image.astype(np.float64) / 255
        share = np.unique(image, return_counts=True)[1] / image.size
        assert mean[i] == pytest.approx(scaled.mean(), abs=1e-6)
        assert contrast[i] == pytest.approx(scaled.std(), abs=1e-6)
        assert entropy[i] == pytest.approx(-(share * np.log2(share)).sum(), abs=1e-5)


def test_entropy_of_two_equal_halves_is_one_bit() -> None:
    pixels = np.repeat([0, 255], 32).astype(np.uint8).reshape(1, 8, 8, 1)
    mean, contrast, entropy = features.pixel_statistics(pixels)
    assert (mean[0], contrast[0], entropy[0]) == (0.5, 0.5, 1.0)


def test_bands_are_thirds() -> None:
    values = np.array([0, 0.33, 1 / 3, 0.5, 0.66, 2 / 3, 1])
    expected = [b"dark", b"dark", b"medium", b"medium", b"medium", b"bright", b"bright"]
    assert features.brightness_bands(values).tolist() == expected


def test_label_is_appended_and_every_parser_sees_it() -> None:
    import tensorflow as tf

    pixels = batch(2, 8, 8, 1)
    records = features.encode_examples(
        pixels, pixels, encode_png(pixels), features.image_ids(pixels), ["a/ä.png", "b.png"]
    )
    records[0] += features.label_suffix("Stiefel, groß/klein")
    parsed = tf.io.parse_example(
        records, {"label": tf.io.VarLenFeature(tf.string), "source": tf.io.FixedLenFeature([], tf.string)}
    )
    assert [each.decode() for each in parsed["source"].numpy()] == ["a/ä.png", "b.png"]
    assert [each.decode() for each in parsed["label"].values.numpy()] == ["Stiefel, groß/klein"]
    assert parsed["label"].indices.numpy().tolist() == [[0, 0]]
    assert "label" in tf.train.Example.FromString(records[0]).features.feature
    assert "label" not in tf.train.Example.FromString(records[1]).features.feature

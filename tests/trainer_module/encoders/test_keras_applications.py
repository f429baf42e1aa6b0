import hashlib
import pathlib
import sys
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from tfx_contrastive.trainer_module.config import KERAS_APPLICATIONS, EncoderConfig, min_side
from tfx_contrastive.trainer_module.encoders.build import build_encoder, load_encoder, save_encoder
from tfx_contrastive.trainer_module.encoders.keras_applications import ModelInput, input_map, load_pretrained

SHAPE = (32, 40, 1)
PIXELS = np.random.default_rng(0).integers(0, 256, (3, *SHAPE), dtype=np.uint8)
CONFIG = EncoderConfig(name="keras:MobileNet", latent_dim=5)


def sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def encoder() -> Any:
    return build_encoder(CONFIG, SHAPE, [0.3], [0.35])


@pytest.mark.parametrize("name", sorted(KERAS_APPLICATIONS))
def test_smallest_image_is_that_of_keras(name: str) -> None:
    side = KERAS_APPLICATIONS[name] - 1
    if name.startswith("MobileNetV3"):
        pytest.skip("Keras's check of this network looks at `input_tensor` only")
    with pytest.raises(ValueError, match=f"at least {side + 1}x{side + 1}"):
        getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(side, side, 3))


@pytest.mark.parametrize("name", ["VGG16", "MobileNet", "DenseNet121", "EfficientNetB0", "ResNet50V2"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_input_is_what_the_network_was_made_for(name: str, channels: int) -> None:
    make = getattr(keras.applications, name)
    pixels = np.random.default_rng(1).uniform(0, 255, (2, 4, 4, channels)).astype(np.float32)
    rgb = np.repeat(pixels, 3, axis=-1) if channels == 1 else pixels[..., :3]
    expected = sys.modules[make.__module__].preprocess_input(rgb.copy())
    np.testing.assert_allclose(ModelInput(*input_map(make, channels))(pixels), expected, atol=1e-3)


def test_grey_images_of_any_allowed_size_pass(encoder: Any) -> None:
    assert encoder(PIXELS).shape == (3, 5)
    assert encoder(np.zeros((2, 64, 48, 1), np.uint8)).shape == (2, 5)


def test_saved_and_rebuilt_and_exported_it_is_the_same(encoder: Any, tmp_path: pathlib.Path) -> None:
    encoder(PIXELS, training=True)
    expected = encoder(PIXELS)
    save_encoder(str(tmp_path), encoder, CONFIG, SHAPE, [0.3], [0.35])
    np.testing.assert_allclose(load_encoder(str(tmp_path))(PIXELS), expected, atol=1e-5)
    module = tf.Module()
    module.encode = tf.function(
        lambda pixels: encoder(pixels, training=False),
        input_signature=[tf.TensorSpec([None, *SHAPE], tf.uint8)],
    )
    module.encoder = encoder
    tf.saved_model.save(module, str(tmp_path / "exported"))
    served = tf.saved_model.load(str(tmp_path / "exported"))
    np.testing.assert_allclose(served.encode(tf.constant(PIXELS)), expected, atol=1e-5)


def test_a_copy_needs_no_custom_objects(encoder: Any) -> None:
    copy = keras.models.clone_model(encoder)
    copy.set_weights(encoder.get_weights())
    np.testing.assert_array_equal(copy(PIXELS), encoder(PIXELS))


def test_pretrained_weights_are_read_from_a_local_file(encoder: Any, tmp_path: pathlib.Path) -> None:
    body = keras.applications.MobileNet(include_top=False, weights=None, pooling="avg")
    path = tmp_path / "notop.weights.h5"
    body.save_weights(path)
    load_pretrained(encoder, str(path), sha256(path))
    for loaded, kept in zip(encoder.get_layer(body.name).get_weights(), body.get_weights(), strict=True):
        np.testing.assert_array_equal(loaded, kept)


def test_a_weights_file_that_is_missing_or_another_or_does_not_fit(
    encoder: Any, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "other.weights.h5"
    with pytest.raises(ValueError, match="there is no file"):
        load_pretrained(encoder, str(path), "0" * 64)
    build_encoder(EncoderConfig(name="c4n"), SHAPE, [0.3], [0.35]).save_weights(path)
    with pytest.raises(ValueError, match=f"has SHA-256 {sha256(path)}"):
        load_pretrained(encoder, str(path), "0" * 64)
    with pytest.raises(ValueError, match="does not fit mobilenet"):
        load_pretrained(encoder, str(path), sha256(path))


def test_images_that_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="images of 28x28, but needs at least 32x32: raise image.height"):
        build_encoder(CONFIG, (28, 28, 1), [0.3], [0.35])
    assert min_side("keras:InceptionV3") == 75
    assert min_side("c4n") == 8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "keras:ResNet18"}, r"no encoder 'keras:ResNet18': choose one of c4, c4n, .*keras:Xception"),
        ({"name": "c4", "weights": "w.h5", "weights_sha256": "0" * 64}, "but the encoder is c4"),
        ({"name": "keras:VGG16", "weights": "w.h5"}, "belong together: give both"),
    ],
)
def test_configurations_that_make_no_sense(settings: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EncoderConfig(**settings)

import pathlib
from typing import Any

import keras
import numpy as np
import pytest

from tfx_contrastive.trainer_module.config import OWN, EncoderConfig
from tfx_contrastive.trainer_module.encoders.bodies import BODIES, basic_block
from tfx_contrastive.trainer_module.encoders.build import (
    build_encoder,
    build_projection_head,
    load_encoder,
    save_encoder,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), dtype=np.uint8)


def build(name: str = "c4n", **settings: Any) -> Any:
    return build_encoder(EncoderConfig(name=name, **settings), (28, 28, 1), [0.3], [0.35])


@pytest.mark.parametrize(("name", "width"), [("c4", 256), ("c4n", 128)])
def test_widths_of_the_anchors(name: str, width: int) -> None:
    encoder = build(name)
    kernels = [weight.shape for weight in encoder.weights if weight.name == "kernel"]
    assert [shape[-1] for shape in kernels] == [width // 8, width // 4, width // 2, width]
    assert encoder(PIXELS).shape == (5, width)


@pytest.mark.parametrize(
    ("name", "width", "parameters"), [("resnet9", 256, 1.64e6), ("resnet9n", 128, 0.412e6)]
)
def test_residual_networks_for_small_images(name: str, width: int, parameters: Any) -> None:
    encoder = build(name)
    assert encoder(PIXELS).shape == (5, width)
    assert encoder.count_params() == pytest.approx(parameters, rel=0.01)


@pytest.mark.parametrize(
    ("name", "size", "width"),
    [("resnet18n", 8, 128), ("resnet18", 28, 512), ("resnet18_large", 224, 512), ("c4n", 224, 128)],
)
def test_sizes_from_8_to_224(name: str, size: Any, width: int) -> None:
    encoder = build_encoder(EncoderConfig(name=name), (size, size, 3), [0.3] * 3, [0.35] * 3)
    assert encoder(np.zeros((1, size, size, 3), np.uint8)).shape == (1, width)


def test_resnet18_is_the_published_network() -> None:
    encoder = build("resnet18_large")
    kernels = [weight.shape for weight in encoder.weights if weight.name == "kernel"]
    assert len([shape for shape in kernels if shape[0] > 1]) == 17
    assert encoder.count_params() == pytest.approx(11.2e6, rel=0.01)
    at = keras.Model(encoder.input, encoder.get_layer("stage4_block2_relu").output)
    assert at.compute_output_shape((1, 224, 224, 1)) == (1, 7, 7, 512)


def test_a_residual_block_adds_its_input() -> None:
    x = keras.layers.Input((4, 4, 3))
    block = keras.Model(x, basic_block(x, 3, 1, "block"))
    block.get_layer("block_b_conv").kernel.assign(np.zeros((3, 3, 3, 3)))
    pixels = np.random.default_rng(0).uniform(0, 1, (2, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(block(pixels), pixels, atol=1e-6)


def test_a_residual_block_that_changes_the_shape_has_a_projection() -> None:
    x = keras.layers.Input((5, 5, 3))
    assert basic_block(x, 8, 2, "block").shape == (None, 3, 3, 8)


def test_first_layer_standardizes_pixels() -> None:
    encoder = build()
    standardized = keras.Model(encoder.input, encoder.get_layer("standardize").output)(PIXELS)
    np.testing.assert_allclose(standardized, (PIXELS / 255.0 - 0.3) / 0.35, atol=1e-5)


def test_integers_and_floats_give_the_same() -> None:
    encoder = build()
    np.testing.assert_array_equal(encoder(PIXELS), encoder(PIXELS.astype(np.float32)))


def test_smaller_views_pass() -> None:
    assert build()(PIXELS[:, :10, :12]).shape == (5, 128)


def test_latent_width() -> None:
    assert build(latent_dim=7).output_shape == (None, 7)


@pytest.mark.parametrize("name", ["c4n", "resnet9n", "resnet18n"])
def test_saved_encoder_is_the_same(tmp_path: pathlib.Path, name: str) -> None:
    config = EncoderConfig(name=name, latent_dim=6)
    encoder = build_encoder(config, (28, 28, 1), [0.3], [0.35])
    encoder(np.repeat(PIXELS, 3, axis=0), training=True)  # moves the running statistics of batch norm
    save_encoder(str(tmp_path / "model"), encoder, config, (28, 28, 1), [0.3], [0.35])
    np.testing.assert_array_equal(load_encoder(str(tmp_path / "model"))(PIXELS), encoder(PIXELS))


def test_an_encoder_is_saved_to_any_file_system(tmp_path: pathlib.Path) -> None:
    remote, encoder = f"memory:/{tmp_path}/model", build()
    save_encoder(remote, encoder, EncoderConfig(name="c4n"), (28, 28, 1), [0.3], [0.35])
    np.testing.assert_array_equal(load_encoder(remote)(PIXELS), encoder(PIXELS))


def test_no_encoder_in_the_directory(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"contains no encoder\.json"):
        load_encoder(str(tmp_path))


def test_statistics_must_fit_the_channels() -> None:
    with pytest.raises(ValueError, match="for 3 channels"):
        build_encoder(EncoderConfig(), (28, 28, 3), [0.3], [0.35])


def test_the_catalog_names_what_can_be_built() -> None:
    assert set(BODIES) == set(OWN)


def test_projection_head() -> None:
    head = build_projection_head(128, (32, 8))
    assert head.output_shape == (None, 8)
    assert head.output.dtype == "float32"

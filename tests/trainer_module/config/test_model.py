"""Configuration of the model: bounds of images, pretrained weights, and what a served model is told."""

from typing import Any

import pytest
from pydantic import ValidationError

from tfx_contrastive.trainer_module.config import (
    KERAS_APPLICATIONS,
    KERAS_PREFIX,
    OWN,
    DistributionConfig,
    EncoderConfig,
    HeadConfig,
    ImageConfig,
    PretrainConfig,
    ServingConfig,
    Sgd,
    ViewsConfig,
    encoder_names,
    min_side,
)

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize("name", encoder_names())
def test_every_encoder_that_is_listed_is_accepted(name: str) -> None:
    assert EncoderConfig(name=name).name == name
    assert 8 <= min_side(name) <= 75


def test_own_networks_come_first_and_take_the_smallest_images() -> None:
    assert encoder_names()[: len(OWN)] == OWN
    assert len(encoder_names()) == len(OWN) + len(KERAS_APPLICATIONS)
    assert {min_side(name) for name in OWN} == {8}
    for name in OWN:
        ImageConfig(height=min_side(name), width=min_side(name))


def test_pretrained_weights_come_with_their_digest() -> None:
    config = EncoderConfig(name=f"{KERAS_PREFIX}VGG16", weights="/w.h5", weights_sha256=DIGEST)
    assert EncoderConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"weights": "/w.h5"},
            r"belong together: give both \(`sha256sum FILE` prints the digest\) or neither",
        ),
        ({"weights_sha256": DIGEST}, "weights and weights_sha256 belong together"),
        ({"weights": "/w.h5", "weights_sha256": DIGEST.upper()}, "String should match pattern"),
        ({"weights": "/w.h5", "weights_sha256": DIGEST[1:]}, "String should match pattern"),
        ({"pooling_grid": 2}, "multiplies the number of features by 4"),
        ({"pooling_grid": 9, "latent_dim": 8}, "less than or equal to 8"),
        ({"latent_dim": 1}, "greater than or equal to 2"),
    ],
)
def test_an_encoder_that_cannot_be_built_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EncoderConfig(name=f"{KERAS_PREFIX}VGG16", **settings)


@pytest.mark.parametrize(
    "settings",
    [{"height": 7}, {"width": 1025}, {"channels": 2}, {"resize": "fill"}, {"bit_depth": 9}, {"depth": 8}],
)
def test_images_out_of_bounds_are_refused(settings: Any) -> None:
    with pytest.raises(ValidationError):
        ImageConfig(**settings)


def test_a_served_model_tells_its_clients_the_shape_of_its_images() -> None:
    image = ImageConfig(height=9, width=12, channels=4, resize="pad", background="#102030", bit_depth=12)
    config = ServingConfig.model_validate({"image": image.model_dump(), "export": {"formats": ["onnx"]}})
    assert ServingConfig.model_validate_json(config.model_dump_json()) == config
    assert (config.image, config.export.formats) == (image, ("onnx",))


@pytest.mark.parametrize("channels", [3, 4])
def test_color_images_fit_the_whole_default(channels: Any) -> None:
    fitted = PretrainConfig().fitted_to(ImageConfig(channels=channels))
    assert fitted.encoder == EncoderConfig(name="gradnet", pooling_grid=3, latent_dim=256, gradient_grid=4)
    assert (fitted.objective.params, fitted.batch_size) == ({"temperature": 0.1}, 256)
    rest = {"encoder", "objective", "batch_size", "views"}
    assert fitted.model_dump(exclude=rest) == PretrainConfig().model_dump(exclude=rest)


def test_a_policy_that_was_given_stays_for_color_images() -> None:
    views = ViewsConfig.model_validate({"policy": [{"name": "flip"}]})
    fitted = PretrainConfig(views=views).fitted_to(ImageConfig(channels=3))
    assert fitted.views == views
    small = ViewsConfig.model_validate({"small": {"count": 4}})
    fitted = PretrainConfig(views=small).fitted_to(ImageConfig(channels=3))
    assert (len(fitted.views.policy), fitted.views.small.count) == (6, 4)


def test_parts_go_with_devices_that_do_not_wait_for_each_other() -> None:
    apart = DistributionConfig(strategy="mirrored", sync_batch_norm=False)
    assert PretrainConfig(micro_batches=2, distribution=apart).micro_batches == 2


@pytest.mark.parametrize(
    "config",
    [
        PretrainConfig(optimizer=Sgd(nesterov=False, clip_norm=1.0), projection_dims=(8,)),
        PretrainConfig().fitted_to(ImageConfig(channels=3)),
        HeadConfig.model_validate({"mode": "fine_tune", "fine_tune": {"optimizer": {"name": "lars"}}}),
    ],
    ids=["sgd", "color", "head"],
)
def test_a_configuration_survives_its_way_through_tfx_as_json(config: Any) -> None:
    assert type(config).model_validate_json(config.model_dump_json()) == config


def test_the_linear_probe_tries_a_penalty_per_power_of_ten() -> None:
    assert HeadConfig().penalties == pytest.approx((1, 0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6))
    with pytest.raises(ValidationError, match="at least 1 item"):
        HeadConfig(penalties=())

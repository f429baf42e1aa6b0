"""Configuration of both stages and of the model: derived values, and messages about mistakes."""

from typing import Any

import pytest
from pydantic import ValidationError

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.trainer_module.config import (
    AdamW,
    Blur,
    Crop,
    EncoderConfig,
    ExportConfig,
    HeadConfig,
    ImageConfig,
    Lars,
    ObjectiveConfig,
    PretrainConfig,
    SelfTrainingConfig,
    TunerConfig,
    encoder_names,
    min_side,
    objective_label,
)


@pytest.mark.parametrize(
    ("mode", "num_steps"), [("linear_probe", None), ("fine_tune", 300), ("self_training", 100)]
)
def test_steps_of_the_head_are_those_of_its_mode(mode: Any, num_steps: int | None) -> None:
    assert HeadConfig(mode=mode).num_steps == num_steps


def test_self_training_inherits_the_settings_of_fine_tuning() -> None:
    config = SelfTrainingConfig()
    assert (config.layer_decay, config.batch_size, config.label_smoothing) == (0.85, 64, 0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "resnet50"}, "there is no encoder 'resnet50': choose one of c4, c4n"),
        ({"pooling_grid": 3}, "multiplies the number of features by 9: set latent_dim"),
        (
            {"name": "c4", "weights": "w.h5"},
            "weights are for networks of keras.applications, but the encoder is c4",
        ),
    ],
)
def test_a_wrong_encoder_is_refused_with_a_way_out(settings: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EncoderConfig(**settings)


def test_encoders_know_their_smallest_image() -> None:
    assert {name: min_side(name) for name in ("c4n", "keras:VGG16", "keras:Xception")} == {
        "c4n": 8,
        "keras:VGG16": 32,
        "keras:Xception": 71,
    }
    assert len(set(encoder_names())) == len(encoder_names())


@pytest.mark.parametrize(("background", "ground"), [("white", (255, 255, 255)), ("#102030", (16, 32, 48))])
def test_background_is_a_color(background: str, ground: tuple[int, int, int]) -> None:
    assert ImageConfig(background=background).ground == ground


@pytest.mark.parametrize("background", ["whitish", "#10203040"])
def test_a_background_that_is_no_opaque_color_is_refused(background: str) -> None:
    with pytest.raises(ValidationError, match="expected the name of a color"):
        ImageConfig(background=background)


def test_an_optimizer_is_selected_by_name_and_adamw_without() -> None:
    assert PretrainConfig.model_validate({"optimizer": {"learning_rate": 1.0}}).optimizer == AdamW(
        learning_rate=1.0
    )
    assert PretrainConfig.model_validate({"optimizer": {"name": "lars"}}).optimizer == Lars()
    with pytest.raises(ValidationError, match="choose one of adamw, sgd, lars"):
        PretrainConfig.model_validate({"optimizer": {"name": "adam"}})


def test_color_images_change_only_what_is_not_configured() -> None:
    image = ImageConfig(channels=3)
    fitted = PretrainConfig(batch_size=32).fitted_to(image)
    assert (fitted.encoder.name, fitted.batch_size) == ("gradnet", 32)
    assert [step.name for step in fitted.views.policy][-2:] == ["color_jitter", "grayscale"]
    assert PretrainConfig().fitted_to(ImageConfig()) == PretrainConfig()


def test_steps_tell_their_parameters() -> None:
    assert Crop().described() == "min_area 0.25, max_area 1, max_aspect_ratio 1.3333, probability 1"


@pytest.mark.parametrize(
    "step", [lambda: Crop(min_area=0.9, max_area=0.5), lambda: Blur(min_sigma=0.1, max_sigma=0.01)]
)
def test_ranges_of_steps_are_in_order(step: Any) -> None:
    with pytest.raises(
        ValidationError, match=r"min_\w+ \(0\.\d\) is above max_\w+ .*: give min_\w+ <= max_\w+"
    ):
        step()


def test_objectives_of_a_search_are_told_apart_by_name_and_distance() -> None:
    tempered = {"temperature": 0.2}
    manhattan = ObjectiveConfig(name="info_nce", distance="manhattan", params=tempered)
    assert objective_label(manhattan) == "info_nce-manhattan"
    assert objective_label(ObjectiveConfig(name="vicreg")) == "vicreg"
    TunerConfig(objectives=(manhattan, ObjectiveConfig(name="info_nce", params=tempered)))
    with pytest.raises(ValidationError, match="name each objective and distance once"):
        TunerConfig(objectives=(manhattan, manhattan))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"views": {"configured": []}}, "stands for pretrain.views.policy: choose another name"),
        ({"min_temperature": 0.6}, r"min_temperature \(0.6\) is above max_temperature \(0.5\)"),
    ],
)
def test_a_wrong_search_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TunerConfig(**settings)


def test_a_format_without_its_packages_is_refused_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    ExportConfig(formats=("tflite",)).check_installed()
    with pytest.raises(ConfigError, match=r"needs tf2onnx, onnx, onnxruntime: pip install"):
        ExportConfig(formats=("onnx",)).check_installed()

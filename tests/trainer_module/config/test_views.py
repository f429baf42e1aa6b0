"""Steps and policies of the views: texts, round trips, and mistakes that are refused before training."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tfx_contrastive.trainer_module.config import (
    AnyStep,
    Blur,
    Brightness,
    ColorJitter,
    Crop,
    Cutout,
    Flip,
    Grayscale,
    Noise,
    Rotate,
    SmallViewsConfig,
    Solarize,
    Step,
    ViewsConfig,
    check_policy,
    default_policy,
)

ANY_STEP: TypeAdapter[Any] = TypeAdapter(AnyStep)
STEPS: list[Any] = Step.__subclasses__()
SHARES = st.floats(0.01, 1.0)


@pytest.mark.parametrize("kind", STEPS, ids=lambda kind: kind.__name__)
def test_a_step_is_selected_by_its_name_alone(kind: Any) -> None:
    step = kind()
    assert ANY_STEP.validate_python({"name": step.name}) == step
    assert ANY_STEP.validate_json(step.model_dump_json()) == step


def test_names_of_steps_are_unique() -> None:
    assert len({kind().name for kind in STEPS}) == len(STEPS) == 13


@settings(deadline=None, derandomize=True)
@given(min_area=SHARES, max_area=SHARES, probability=st.floats(0, 1))
def test_any_crop_survives_json_or_is_out_of_order(
    min_area: float, max_area: float, probability: float
) -> None:
    given_crop = {"name": "crop", "min_area": min_area, "max_area": max_area, "probability": probability}
    if min_area > max_area:
        with pytest.raises(ValidationError, match="give min_area <= max_area"):
            ANY_STEP.validate_python(given_crop)
    else:
        crop = ANY_STEP.validate_python(given_crop)
        assert ANY_STEP.validate_json(crop.model_dump_json()) == crop
        assert (crop.min_area, crop.max_area, crop.probability) == (min_area, max_area, probability)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Flip(vertical=0.25), "horizontal 0.5, vertical 0.25"),
        (Rotate(max_degrees=90), "max_degrees 90, probability 1"),
        (Solarize(), "threshold 0.5, probability 0.2"),
        (Blur(), "min_sigma 0.005, max_sigma 0.05, probability 0.5"),
        (Grayscale(probability=1e-9), "probability 1e-09"),
    ],
)
def test_parameters_are_told_in_their_order(step: Step, text: str) -> None:
    assert step.described() == text


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "crop", "min_area": 0},
        {"name": "crop", "max_aspect_ratio": 0.5},
        {"name": "rotate", "max_degrees": 181},
        {"name": "contrast", "max_change": 1},
        {"name": "gamma", "max_gamma": 0.9},
        {"name": "color_jitter", "max_hue": 0.6},
        {"name": "translate", "max_fraction": 0.51},
        {"name": "noise", "probability": 1.5},
        {"name": "cutout", "max_area": 1},
        {"name": "flip", "probability": 0.5},
        {"name": "sharpen"},
        {"probability": 0.5},
    ],
)
def test_a_step_out_of_bounds_or_unknown_is_refused(settings: Any) -> None:
    with pytest.raises(ValidationError):
        ViewsConfig.model_validate({"policy": [settings]})


def test_the_former_spelling_of_a_step_is_read() -> None:
    former = ViewsConfig.model_validate({"policy": [{"name": "greyscale", "probability": 0.3}]})
    assert isinstance(former.policy[0], Grayscale)
    assert former.policy[0].probability == 0.3


def test_the_default_policy_has_color_steps_where_there_are_colors() -> None:
    assert [step.name for step in default_policy(1)] == ["crop", "flip", "brightness", "contrast"]
    names = ["crop", "flip", "brightness", "contrast", "color_jitter", "grayscale"]
    assert [step.name for step in default_policy(3)] == [step.name for step in default_policy(4)] == names
    assert default_policy(3)[0] == Crop(min_area=0.4)
    assert ViewsConfig().policy == default_policy(1)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_default_policy_suits_its_images(channels: int) -> None:
    check_policy(default_policy(channels), channels)


def test_every_color_step_is_named_with_its_policy() -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 the text is compared below
        check_policy([ColorJitter(), Brightness(), Grayscale()], 1, where="head.fine_tune.policy")
    assert str(refusal.value) == (
        "head.fine_tune.policy has color_jitter, grayscale, but images have 1 channel(s), not 3 or 4: "
        "remove these steps, or set image.channels to 3"
    )


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        (
            Crop,
            {"min_area": 0.9, "max_area": 0.5},
            r"min_area \(0.9\) is above max_area \(0.5\): give min_area",
        ),
        (
            Cutout,
            {"min_area": 0.3},
            r"min_area \(0.3\) is above max_area \(0.25\): give min_area <= max_area",
        ),
        (Blur, {"min_sigma": 0.1}, r"min_sigma \(0.1\) is above max_sigma \(0.05\): give min_sigma <= max"),
        (SmallViewsConfig, {"min_area": 0.5}, r"min_area \(0.5\) is above max_area \(0.3\): give min_area"),
    ],
)
def test_a_range_out_of_order_is_refused_by_the_configuration(
    config: Any, settings: Any, message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**settings)


def test_equal_bounds_are_a_range() -> None:
    assert SmallViewsConfig(min_area=0.3).min_area == SmallViewsConfig().max_area
    assert Cutout(min_area=0.25).min_area == Cutout().max_area


def test_a_step_cannot_be_changed() -> None:
    step: Any = Noise()
    with pytest.raises(ValidationError, match="frozen"):
        step.probability = 1.0

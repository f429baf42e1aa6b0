"""The data contract's own consistency, and agreement with what its readers take for granted."""

import dataclasses

import pytest
from pydantic import ValidationError

from tfx_contrastive.contract import examples
from tfx_contrastive.contract.examples import FEATURES, Feature
from tfx_contrastive.contract.frozen import Frozen

BY_NAME = {feature.name: feature for feature in FEATURES}


def test_each_feature_is_declared_once() -> None:
    assert len(BY_NAME) == len(FEATURES)


def test_only_the_class_and_the_near_copy_may_be_absent() -> None:
    assert {feature.name for feature in FEATURES if not feature.is_required} == {"label", "near_copy"}


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_values_are_of_texts_and_bounds_are_of_numbers(feature: Feature) -> None:
    if feature.dtype == "bytes":
        assert (feature.least, feature.most) == (None, None)
        assert len(set(feature.values)) == len(feature.values)
    else:
        assert feature.values == ()
        assert feature.least is not None
        assert feature.most is None or feature.least < feature.most


def test_bounds_are_those_of_8_bit_images() -> None:
    # Half of the values at 0 and half at 1 deviate by 0.5; 256 gray levels have 8 bits of entropy.
    bounds = {
        name: (BY_NAME[name].least, BY_NAME[name].most) for name in ("brightness", "contrast", "entropy")
    }
    assert bounds == {"brightness": (0, 1), "contrast": (0, 0.5), "entropy": (0, 8)}
    assert {BY_NAME[name].least for name in ("height", "width", "channels", "num_bytes")} == {1}


def test_a_near_copy_is_of_a_split_that_holds_no_test_image() -> None:
    copies = set(BY_NAME["near_copy"].values) - {examples.NO_NEAR_COPY}
    assert copies == {examples.TRAIN} < set(examples.SPLITS)
    assert examples.SPLITS == ("train", "eval", "test")


class Settings(Frozen):
    """What a configuration object looks like."""

    size: int = 3
    names: tuple[str, ...] = ()


def test_a_configuration_refuses_changes_and_unknown_keys() -> None:
    settings = Settings(size=4)
    with pytest.raises(ValidationError, match="frozen"):
        settings.size = 5  # type: ignore[misc]  # the point of the test
    with pytest.raises(ValidationError, match="sizes\n.*Extra inputs are not permitted"):
        Settings.model_validate({"sizes": 4})
    assert settings.size == 4


def test_a_configuration_can_be_a_key_and_travels_as_json() -> None:
    settings = Settings(size=4, names=("a", "b"))
    again = Settings.model_validate_json(settings.model_dump_json())
    assert {settings: "found"}[again] == "found"
    assert again != Settings()


def test_a_feature_can_not_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FEATURES[0].name = "other"  # type: ignore[misc]  # the point of the test

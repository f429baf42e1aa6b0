"""Configuration of the views: the augmentation steps of a policy, and the number of small views.

A policy is a list of steps, applied in order; each step is a class that is selected by `name`. Adjacent
geometric steps (crop, flip, rotate, translate) are merged into one resampling of the batch. All amounts
are for pixels in [0, 1].
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tfx_contrastive.contract.frozen import Frozen

Probability = Annotated[float, Field(ge=0, le=1)]


def _require_order(config: Frozen, name: str) -> None:
    """Refuse a range whose bounds are in the wrong order.

    Raises:
        ValueError: If `min_<name>` is above `max_<name>`.
    """
    low, high = getattr(config, f"min_{name}"), getattr(config, f"max_{name}")
    if low > high:
        raise ValueError(f"min_{name} ({low}) is above max_{name} ({high}): give min_{name} <= max_{name}")


class Step(Frozen):
    """Base class of all steps."""

    def described(self) -> str:
        """Return the parameters as text, such as `min_area 0.25, max_area 1`."""
        values = self.model_dump(exclude={"name"})
        return ", ".join(f"{key} {value:g}" for key, value in values.items())


class Crop(Step):
    """Random resized crop: a window of a random area and aspect ratio, resized to the view.

    Resizing blurs. For small images, a probability below 1 leaves some views as sharp as the images that
    are classified later (docs/experiments.md).
    """

    name: Literal["crop"] = "crop"
    min_area: float = Field(
        0.25, gt=0, le=1, description="smallest area of the window, as a share of the image"
    )
    max_area: float = Field(1.0, gt=0, le=1)
    max_aspect_ratio: float = Field(
        1.3333, ge=1, le=4, description="r: the ratio is drawn from [1/r, r], log-uniform"
    )
    probability: Probability = 1.0

    @model_validator(mode="after")
    def _check_order(self) -> "Crop":
        _require_order(self, "area")
        return self


class Flip(Step):
    """Mirror images left-right and top-bottom, each with its own probability."""

    name: Literal["flip"] = "flip"
    horizontal: Probability = 0.5
    vertical: Probability = 0.0


class Rotate(Step):
    """Rotate around the center by an angle from [-max_degrees, max_degrees]."""

    name: Literal["rotate"] = "rotate"
    max_degrees: float = Field(15.0, ge=0, le=180)
    probability: Probability = 1.0


class Translate(Step):
    """Shift by up to `max_fraction` of the height and of the width."""

    name: Literal["translate"] = "translate"
    max_fraction: float = Field(0.1, ge=0, le=0.5)
    probability: Probability = 1.0


class Brightness(Step):
    """Add an offset from [-max_delta, max_delta] to every pixel of an image."""

    name: Literal["brightness"] = "brightness"
    max_delta: float = Field(0.2, ge=0, le=1)
    probability: Probability = 0.8


class Contrast(Step):
    """Stretch around the mean of the image by a factor from [1 - max_change, 1 + max_change]."""

    name: Literal["contrast"] = "contrast"
    max_change: float = Field(0.4, ge=0, lt=1)
    probability: Probability = 0.8


class Gamma(Step):
    """Raise pixels to a power from [1 / max_gamma, max_gamma], log-uniform."""

    name: Literal["gamma"] = "gamma"
    max_gamma: float = Field(1.5, ge=1, le=5)
    probability: Probability = 0.8


class ColorJitter(Step):
    """Change saturation and hue. Needs RGB or RGBA images; alpha stays unchanged."""

    name: Literal["color_jitter"] = "color_jitter"
    max_saturation: float = Field(0.4, ge=0, le=1)
    max_hue: float = Field(0.1, ge=0, le=0.5, description="share of the full color circle")
    probability: Probability = 0.8


class Grayscale(Step):
    """Replace colors by their luminance. Needs RGB or RGBA images; alpha stays unchanged."""

    name: Literal["grayscale", "greyscale"] = "grayscale"  # the latter in runs before version 0.3
    probability: Probability = 0.2


class Blur(Step):
    """Gaussian blur; the standard deviation is a share of the shorter side."""

    name: Literal["blur"] = "blur"
    min_sigma: float = Field(0.005, gt=0, le=0.2)
    max_sigma: float = Field(0.05, gt=0, le=0.2)
    probability: Probability = 0.5

    @model_validator(mode="after")
    def _check_order(self) -> "Blur":
        _require_order(self, "sigma")
        return self


class Solarize(Step):
    """Invert the pixels above a threshold."""

    name: Literal["solarize"] = "solarize"
    threshold: float = Field(0.5, ge=0, le=1)
    probability: Probability = 0.2


class Noise(Step):
    """Add Gaussian noise; its standard deviation is drawn from [0, max_stddev]."""

    name: Literal["noise"] = "noise"
    max_stddev: float = Field(0.1, ge=0, le=1)
    probability: Probability = 0.5


class Cutout(Step):
    """Random erasing: fill one rectangle with the mean of the image."""

    name: Literal["cutout"] = "cutout"
    min_area: float = Field(0.02, gt=0, lt=1)
    max_area: float = Field(0.25, gt=0, lt=1)
    probability: Probability = 0.5

    @model_validator(mode="after")
    def _check_order(self) -> "Cutout":
        _require_order(self, "area")
        return self


AnyStep = Annotated[
    Crop
    | Flip
    | Rotate
    | Translate
    | Brightness
    | Contrast
    | Gamma
    | ColorJitter
    | Grayscale
    | Blur
    | Solarize
    | Noise
    | Cutout,
    Field(discriminator="name"),
]


_NEEDS_COLOR = (ColorJitter, Grayscale)


def default_policy(channels: int) -> tuple[AnyStep, ...]:
    """Return the default policy: crop, flip, brightness and contrast; with 3 or 4 channels also color steps.

    Args:
        channels: Number of channels of the images.
    """
    if channels < 3:
        return Crop(), Flip(), Brightness(), Contrast()
    return Crop(min_area=0.4), Flip(), Brightness(), Contrast(), ColorJitter(), Grayscale()


def check_policy(policy: Sequence[Step], channels: int, where: str = "views.policy") -> None:
    """Check that a policy suits the images.

    Args:
        policy: The steps.
        channels: Number of channels of the images.
        where: Name of the policy in the error message.

    Raises:
        ValueError: If the policy has color steps and the images have no colors.
    """
    wrong = [step.name for step in policy if isinstance(step, _NEEDS_COLOR)]
    if wrong and channels < 3:
        raise ValueError(
            f"{where} has {', '.join(wrong)}, but images have {channels} channel(s), not 3 or 4: "
            "remove these steps, or set image.channels to 3"
        )


class SmallViewsConfig(Frozen):
    """Multi-crop (SwAV, arXiv:2006.09882): additional small views of small parts of the image."""

    count: int = Field(0, ge=0, le=16)
    size: float = Field(0.5, gt=0, le=1, description="side of a small view as a share of the image's side")
    min_area: float = Field(0.05, gt=0, le=1)
    max_area: float = Field(0.3, gt=0, le=1)

    @model_validator(mode="after")
    def _check_order(self) -> "SmallViewsConfig":
        _require_order(self, "area")
        return self


class ViewsConfig(Frozen):
    """A policy for the two large views, and the number and size of the small ones."""

    policy: tuple[AnyStep, ...] = Field(
        default_policy(1), description="the default has additional color steps for images with colors"
    )
    small: SmallViewsConfig = SmallViewsConfig()

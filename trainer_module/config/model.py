"""Configuration of the model: the images it takes, its encoder, and the form in which it is served."""

import importlib.util
from typing import Literal

from PIL import ImageColor
from pydantic import Field, field_validator, model_validator

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.contract.frozen import Frozen

KERAS_PREFIX = "keras:"

# The project's own networks take images of any size from the smallest that `ImageConfig` allows.
OWN = ("c4", "c4n", "resnet9", "resnet9n", "resnet18", "resnet18n", "resnet18_large", "gradnet")
_OWN_MIN_SIDE = 8

# Networks of keras.applications, with the smallest height and width that each accepts.
KERAS_APPLICATIONS = {
    **dict.fromkeys(("ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge"), 32),
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), 32),
    **{f"EfficientNetB{size}": 32 for size in range(8)},
    **{f"EfficientNetV2{size}": 32 for size in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    **dict.fromkeys(("InceptionResNetV2", "InceptionV3"), 75),
    **dict.fromkeys(("MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large"), 32),
    **dict.fromkeys(("NASNetMobile", "NASNetLarge"), 32),
    **{f"ResNet{depth}{version}": 32 for depth in (50, 101, 152) for version in ("", "V2")},
    **dict.fromkeys(("VGG16", "VGG19"), 32),
    "Xception": 71,
}
_ONNX_PACKAGES = ("tf2onnx", "onnx", "onnxruntime")


class ImageConfig(Frozen):
    """The shape to which every image is brought: [height, width, channels]."""

    height: int = Field(28, ge=8, le=1024)
    width: int = Field(28, ge=8, le=1024)
    channels: Literal[1, 3, 4] = 1
    resize: Literal["stretch", "crop", "pad"] = Field(
        "crop",
        description="for images of another aspect ratio: stretch distorts them, crop cuts off both ends of "
        "the longer side, pad adds bars beside the shorter side",
    )
    background: str = Field(
        "white",
        validate_default=True,
        description="name or hex code of the color behind transparent pixels; with channels: 4 they stay "
        "transparent",
    )
    bit_depth: Literal[8, 10, 12, 14, 16] = Field(
        16, description="number of bits in use in files with 16 bits per value; many cameras use 12"
    )

    @field_validator("background")
    @classmethod
    def _is_color(cls, background: str) -> str:
        try:
            num_values = len(ImageColor.getrgb(background))
        except ValueError:
            num_values = 0
        if num_values != 3:  # four with an opacity
            raise ValueError(
                "expected the name of a color such as white or black, or its hex code in quotes, such as "
                "'#f0f0f0'"
            )
        return background

    @property
    def ground(self) -> tuple[int, int, int]:
        """Red, green and blue of the background, 0 to 255."""
        red, green, blue = ImageColor.getrgb(self.background)[:3]
        return red, green, blue


def encoder_names() -> tuple[str, ...]:
    """Return all names that `EncoderConfig.name` accepts, the project's own networks first."""
    return (*OWN, *(f"{KERAS_PREFIX}{name}" for name in KERAS_APPLICATIONS))


def min_side(name: str) -> int:
    """Return the smallest height and width, in pixels, of images for the encoder called `name`."""
    return KERAS_APPLICATIONS.get(name.removeprefix(KERAS_PREFIX), _OWN_MIN_SIDE)


class EncoderConfig(Frozen):
    """The network that maps an image to its representation h."""

    name: str = Field(
        "c4n", description="one of the project's own networks, or keras:NAME for one of keras.applications"
    )
    pooling_grid: int = Field(
        1,
        ge=1,
        le=8,
        description="average features over the cells of a grid of this many rows and columns; 1 averages "
        "over the whole image",
    )
    latent_dim: int | None = Field(None, ge=2, description="width of h; None keeps the network's own width")
    gradient_grid: int = Field(
        0,
        ge=0,
        le=8,
        description="add fixed features to the learned ones: edges by orientation and colors, averaged over "
        "the cells of a grid of this many rows and columns; 0 adds none",
    )
    weights: str | None = Field(
        None,
        description="file of pretrained weights without the classifier, for keras:NAME; None starts from "
        "random weights",
    )
    weights_sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="SHA-256 of the weights file, as hexadecimal digits"
    )

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in encoder_names():
            raise ValueError(f"there is no encoder {name!r}: choose one of {', '.join(encoder_names())}")
        return name

    @model_validator(mode="after")
    def _check_latent(self) -> "EncoderConfig":
        if self.pooling_grid > 1 and self.latent_dim is None:
            raise ValueError(
                f"pooling_grid is {self.pooling_grid}, which multiplies the number of features by "
                f"{self.pooling_grid**2}: set latent_dim, the width to which they are reduced"
            )
        return self

    @model_validator(mode="after")
    def _check_weights(self) -> "EncoderConfig":
        if self.weights is not None and not self.name.startswith(KERAS_PREFIX):
            raise ValueError(
                f"weights are for networks of keras.applications, but the encoder is {self.name}: leave "
                f"weights out, or choose an encoder such as {KERAS_PREFIX}MobileNetV2"
            )
        if (self.weights is None) != (self.weights_sha256 is None):
            raise ValueError(
                "weights and weights_sha256 belong together: give both (`sha256sum FILE` prints the digest) "
                "or neither"
            )
        return self


class ExportConfig(Frozen):
    """Formats that are written in addition to the SavedModel (docs/serving.md)."""

    formats: tuple[Literal["tflite", "tflite_int8", "onnx"], ...] = Field(
        (), description="onnx needs `pip install tfx-contrastive[onnx]`"
    )
    representative_images: int = Field(
        256, ge=1, description="number of training images that calibrate the value ranges of tflite_int8"
    )

    def check_installed(self) -> None:
        """Check that the packages of all formats are installed; call this before a long training.

        Raises:
            ConfigError: If a package is missing.
        """
        missing = [name for name in _ONNX_PACKAGES if importlib.util.find_spec(name) is None]
        if "onnx" in self.formats and missing:
            raise ConfigError(
                f"export.formats has 'onnx', which needs {', '.join(missing)}: "
                "pip install 'tfx-contrastive[onnx]', or leave the format out."
            )


class ServingConfig(Frozen):
    """Limits and formats of the served model."""

    max_pixels: int = Field(
        50_000_000,
        ge=1,
        description="largest height times width of an image; a request with a larger one fails",
    )
    image: ImageConfig = Field(
        ImageConfig(), description="shape of the model's input, also written beside the model for its clients"
    )
    export: ExportConfig = ExportConfig()

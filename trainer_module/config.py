"""Typed configuration of the two training stages."""

import importlib.util
from typing import Literal

from PIL import ImageColor
from pydantic import Field, field_validator, model_validator

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.contract.frozen import Frozen
from tfx_contrastive.trainer_module.encoder_catalog import KERAS_PREFIX, encoder_names
from tfx_contrastive.trainer_module.losses.config import ObjectiveConfig
from tfx_contrastive.trainer_module.optimizer_config import AdamW, AnyOptimizer
from tfx_contrastive.trainer_module.view_steps import (
    AnyStep,
    Brightness,
    Contrast,
    Crop,
    Cutout,
    Flip,
    default_policy,
)

_ONNX_PACKAGES = ("tf2onnx", "onnx", "onnxruntime")


class ImageConfig(Frozen):
    """The shape to which every image is brought: [height, width, channels]."""

    height: int = Field(28, ge=8, le=1024)
    width: int = Field(28, ge=8, le=1024)
    channels: Literal[1, 3, 4] = 1
    resize: Literal["stretch", "crop", "pad"] = Field(
        "crop",
        description="an image of another aspect ratio is stretched, loses the ends of its longer side, or "
        "keeps all of itself between two bars",
    )
    background: str = Field(
        "white",
        validate_default=True,
        description="name or hex code of the color on which transparent pixels are laid; with channels: 4 "
        "they stay transparent",
    )
    bit_depth: Literal[8, 10, 12, 14, 16] = Field(
        16, description="bits that are used in files of 16 bits per value, such as 12 of many cameras"
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
                "expected the name of a color such as white or black, or its hex "
                "code in quotes, such as '#f0f0f0'"
            )
        return background

    @property
    def ground(self) -> tuple[int, int, int]:
        """Red, green and blue of the background, 0 to 255."""
        red, green, blue = ImageColor.getrgb(self.background)[:3]
        return red, green, blue


class EncoderConfig(Frozen):
    """Which encoder maps an image to its representation h."""

    name: str = Field("c4n", description="own networks, or keras:NAME for one of keras.applications")
    pooling_grid: int = Field(
        1,
        ge=1,
        le=8,
        description="features are averaged over the cells of a grid of so many by so many; 1: over the image",
    )
    latent_dim: int | None = Field(None, ge=2, description="width of h; None keeps the network's own width")
    gradient_grid: int = Field(
        0,
        ge=0,
        le=8,
        description="edges by orientation and colors, averaged over the cells of such a grid, "
        "are kept beside what is learned; 0: they are not",
    )
    weights: str | None = Field(
        None, description="file of pretrained weights without classifier, for keras:NAME; None: random"
    )
    weights_sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="digest of that file: which weights a run started from"
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
                f"pooling_grid is {self.pooling_grid}, which gives {self.pooling_grid**2} times as many "
                "features as the network has: set latent_dim, the width to which they are brought"
            )
        return self

    @model_validator(mode="after")
    def _check_weights(self) -> "EncoderConfig":
        if self.weights is not None and not self.name.startswith(KERAS_PREFIX):
            raise ValueError(
                f"weights are for networks of keras.applications, but the encoder is {self.name}: leave "
                f"weights out, or name one such as {KERAS_PREFIX}MobileNetV2"
            )
        if (self.weights is None) != (self.weights_sha256 is None):
            raise ValueError(
                "weights and weights_sha256 belong together: give both (`sha256sum FILE` prints the digest) "
                "or neither"
            )
        return self


class SmallViewsConfig(Frozen):
    """Multi-crop (SwAV, arXiv:2006.09882): extra small views that look at small parts of the image."""

    count: int = Field(0, ge=0, le=16)
    size: float = Field(0.5, gt=0, le=1, description="side of a small view as a share of the image's side")
    min_area: float = Field(0.05, gt=0, le=1)
    max_area: float = Field(0.3, gt=0, le=1)


class ViewsConfig(Frozen):
    """How views are made: a policy for the two large ones, and how many small ones."""

    policy: tuple[AnyStep, ...] = Field(
        default_policy(1), description="where none is given and images have colors: with steps in color"
    )
    small: SmallViewsConfig = SmallViewsConfig()


class WatchConfig(Frozen):
    """Label-free signs that pretraining learns nothing, and what to do about them."""

    on_collapse: Literal["warn", "error"] = "warn"
    after_steps: int = Field(200, ge=1, description="no warning before this step")
    min_effective_rank: float = Field(2.0, ge=1)
    min_embedding_std: float = Field(0.01, ge=0, description="share of 1/sqrt(dim), the uniform sphere's")
    chance_margin: float = Field(0.02, ge=0, description="a loss this close, as a share, to chance is stuck")
    keep: Literal["best", "last"] = Field(
        "best", description="best by kNN probe; last where it has no labels"
    )
    probe_every: int = Field(500, ge=1, description="steps between two kNN probes")
    probe_images: int = Field(2000, ge=20, description="labelled images of the kNN probe, at most")
    probe_neighbors: int = Field(20, ge=1)


class DistributionConfig(Frozen):
    """On which devices pretraining runs; every objective compares the images of all of them."""

    strategy: Literal["none", "mirrored", "multi_worker"] = Field(
        "none", description="mirrored: all devices of this machine; multi_worker: those of TF_CONFIG"
    )
    devices: tuple[str, ...] = Field((), description="of mirrored, such as GPU:0; empty: all GPUs")
    sync_batch_norm: bool = Field(True, description="batch norm's statistics are of all replicas' images")


# Where a configuration names none and images are in color; `default_policy` has the views.
_IN_COLOR = {
    "encoder": EncoderConfig(name="gradnet", pooling_grid=3, latent_dim=256, gradient_grid=4),
    "objective": ObjectiveConfig(name="nt_xent", params={"temperature": 0.1}),
    "batch_size": 256,
}


class PretrainConfig(Frozen):
    """Contrastive pretraining of the encoder on all images."""

    encoder: EncoderConfig = EncoderConfig()
    projection_dims: tuple[int, ...] = Field((256, 64), min_length=1)
    views: ViewsConfig = ViewsConfig()
    objective: ObjectiveConfig = ObjectiveConfig(name="nt_xent", params={"temperature": 0.2})
    target_momentum: float = Field(
        0.99, ge=0, lt=1, description="of the averaged target network, for objectives that have one"
    )
    optimizer: AnyOptimizer = AdamW()
    average_decay: float = Field(
        0.0, ge=0, lt=1, description="of a running average of the encoder, which is kept then; 0: none"
    )
    watch: WatchConfig = WatchConfig()
    seed: int = Field(0, ge=0, lt=2**31)
    batch_size: int = Field(512, ge=2, description="images of a step, of all devices together")
    micro_batches: int = Field(
        1, ge=1, description="parts in which a device takes its images: less memory, the same gradient"
    )
    distribution: DistributionConfig = DistributionConfig()
    num_steps: int = Field(1500, ge=1)
    steps_per_call: int = Field(10, ge=1, description="training steps in one call of the graph")
    log_every: int = Field(50, ge=1)
    checkpoint_every: int = Field(250, ge=1, description="steps between checkpoints, at most")
    checkpoint_minutes: float = Field(2.0, gt=0, description="minutes between checkpoints, at most")
    keep_checkpoints: int = Field(2, ge=1)
    mixed_precision: Literal["auto", "on", "off"] = Field(
        "auto", description="bfloat16; auto: on GPUs with it"
    )
    cache_limit_mb: int = Field(2048, ge=1, description="decoded images beyond this go to a file on disk")

    @model_validator(mode="after")
    def _check_parts(self) -> "PretrainConfig":
        if self.batch_size % self.micro_batches:
            raise ValueError(
                f"batch_size ({self.batch_size}) is no multiple of micro_batches ({self.micro_batches}), in "
                "which it is cut: give a multiple"
            )
        distribution = self.distribution
        if self.micro_batches > 1 and distribution.strategy != "none" and distribution.sync_batch_norm:
            raise ValueError(
                "micro_batches above 1 and distribution.sync_batch_norm exclude each other: devices meet "
                "once a step, not once a part; set sync_batch_norm to false, or micro_batches to 1"
            )
        return self

    def fitted_to(self, image: ImageConfig) -> "PretrainConfig":
        """The same with defaults that suit the images: other ones in color than in grayscale.

        Edges and colors are given to the encoder and need not be learned, and views differ in color. What was
        configured stays (docs/pretraining.md says why, docs/experiments.md by how much).

        Args:
            image: The shape of the images.

        Returns:
            The configuration, with encoder, views, objective and batch size given.
        """
        if image.channels < 3:
            return self
        given = self.model_fields_set
        views = self.views
        if "policy" not in views.model_fields_set:
            views = views.model_copy(update={"policy": default_policy(image.channels)})
        defaults = {name: value for name, value in _IN_COLOR.items() if name not in given}
        return self.model_copy(update={**defaults, "views": views})


_FLIP_AND_LIGHT = (Flip(), Brightness(probability=0.5), Contrast(probability=0.5))


class FineTuneConfig(Frozen):
    """Training of encoder and classifier together on views, with an average of the weights kept."""

    policy: tuple[AnyStep, ...] = (
        Crop(min_area=0.5, probability=0.5),
        *_FLIP_AND_LIGHT,
        Cutout(max_area=0.15),
    )
    optimizer: AnyOptimizer = AdamW(learning_rate=3e-3, weight_decay=1e-2)
    layer_decay: float = Field(0.85, gt=0, le=1, description="learning rate of a section over the one above")
    average_decay: float = Field(0.99, ge=0, lt=1, description="exponential moving average of the weights")
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    mixup: float = Field(0.0, ge=0, description="alpha of mixup's Beta distribution; 0: none")
    batch_size: int = Field(64, ge=2, description="labelled images a step")
    num_steps: int = Field(300, ge=1, description="at least")
    min_epochs: float = Field(10.0, ge=0, description="more steps where images are seen less often than this")
    log_every: int = Field(25, ge=1)


class SelfTrainingConfig(FineTuneConfig):
    """Fine-tuning on the labelled images and on guesses about the unlabelled ones."""

    policy: tuple[AnyStep, ...] = (
        Crop(min_area=0.4, probability=0.6),
        *_FLIP_AND_LIGHT,
        Cutout(max_area=0.2),
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    rounds: int = Field(2, ge=1, description="each student is the teacher of the next round")
    num_steps: int = Field(100, ge=1, description="of a round, at least")
    min_epochs: float = Field(4.0, ge=0, description="of the unlabelled images, in a round")
    unlabelled_batch_size: int = Field(448, ge=1, description="unlabelled images a step")
    max_unlabelled: int = Field(100_000, ge=1, description="unlabelled images beyond this are left out")
    unlabelled_weight: float = Field(1.0, ge=0, description="of an unlabelled image; a labelled one has 1")
    temperature: float = Field(1.0, gt=0, description="divides the guesses' logits; below 1 sharpens them")
    min_confidence: float = Field(0.0, ge=0, lt=1, description="guesses below it are not learned")
    align_shares: bool = Field(True, description="guess each class as often as it is labelled")
    num_neighbors: int = Field(30, ge=0, description="of the graph that labels spread over; 0: no spreading")
    whitened_dims: int = Field(
        0,
        ge=0,
        description="whitened principal components of h that neighbours are near in; 0: h standardised",
    )
    spreading: float = Field(0.9, gt=0, lt=1, description="share of a guess that comes from neighbours")


class HeadConfig(Frozen):
    """The classifier on the pretrained encoder."""

    mode: Literal["linear_probe", "fine_tune", "self_training"] = "self_training"
    seed: int = 0
    penalties: tuple[float, ...] = Field(
        tuple(10.0**-power for power in range(7)), min_length=1, description="L2 of the probe, to choose from"
    )
    class_weights: Literal["balanced", "none"] = "balanced"
    mirror_average: bool = Field(
        False, description="h is the mean of an image's and its mirror image's: twice the work of classifying"
    )
    fine_tune: FineTuneConfig = FineTuneConfig()
    self_training: SelfTrainingConfig = SelfTrainingConfig()
    cache_limit_mb: int = Field(2048, ge=1, description="decoded images beyond this go to a file on disk")

    @property
    def num_steps(self) -> int | None:
        """Configured steps of the mode that is used; None for `linear_probe`, which has no steps."""
        if self.mode == "linear_probe":
            return None
        return (self.fine_tune if self.mode == "fine_tune" else self.self_training).num_steps


class ExportConfig(Frozen):
    """Other formats in which the model is written beside the SavedModel (docs/serving.md)."""

    formats: tuple[Literal["tflite", "tflite_int8", "onnx"], ...] = Field(
        (), description="onnx needs `pip install tfx-contrastive[onnx]`"
    )
    representative_images: int = Field(
        256, ge=1, description="training images from which tflite_int8 learns the ranges of its numbers"
    )

    def check_installed(self) -> None:
        """Fails before hours of training rather than after them.

        Raises:
            ConfigError: If a format needs a package that is not there.
        """
        missing = [name for name in _ONNX_PACKAGES if importlib.util.find_spec(name) is None]
        if "onnx" in self.formats and missing:
            raise ConfigError(
                f"export.formats has 'onnx', which needs {', '.join(missing)}: "
                "pip install 'tfx-contrastive[onnx]', or leave the format out."
            )


class ServingConfig(Frozen):
    """What consumers get of a stage's model."""

    max_pixels: int = Field(
        50_000_000, ge=1, description="height times width of an image; a request with a larger one fails"
    )
    image: ImageConfig = Field(ImageConfig(), description="what a model sees; told to programs beside it")
    export: ExportConfig = ExportConfig()

"""Configuration of optimizers, of contrastive pretraining, and of the search for its hyperparameters."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from tfx_contrastive.contract.frozen import Frozen
from tfx_contrastive.trainer_module.config.model import EncoderConfig, ImageConfig
from tfx_contrastive.trainer_module.config.objectives import ObjectiveConfig
from tfx_contrastive.trainer_module.config.views import AnyStep, ViewsConfig, default_policy

CONFIGURED = "configured"  # name of the policy `pretrain.views.policy` in the search


class Optimizer(Frozen):
    """Settings of all optimizers: linear warm-up, then cosine decay to zero."""

    warmup_fraction: float = Field(0.1, ge=0, lt=1, description="share of the steps spent on warm-up")
    clip_norm: float | None = Field(
        None, gt=0, description="largest global norm of the gradients; None: no clipping"
    )


class AdamW(Optimizer):
    """Adam with decoupled weight decay (arXiv:1711.05101)."""

    name: Literal["adamw"] = "adamw"
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0, description="decoupled: multiplied by the learning rate")


class Sgd(Optimizer):
    """Stochastic gradient descent with momentum."""

    name: Literal["sgd"] = "sgd"
    learning_rate: float = Field(0.1, gt=0)
    weight_decay: float = Field(1e-4, ge=0, description="decoupled: multiplied by the learning rate")
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = True


class Lars(Optimizer):
    """SGD for large batches, with a learning rate per layer (arXiv:1708.03888)."""

    name: Literal["lars"] = "lars"
    learning_rate: float = Field(0.6, gt=0, description="SimCLR: 0.3 per 256 images of the batch")
    weight_decay: float = Field(1e-6, ge=0, description="added to the gradient, as published")
    momentum: float = Field(0.9, ge=0, lt=1)
    trust_coefficient: float = Field(1e-3, gt=0, description="eta of the paper")


def _name(value: Any) -> str:
    """Return the name that selects the class of an optimizer: `adamw` where none is given."""
    return str(value.get("name", "adamw") if isinstance(value, dict) else getattr(value, "name", value))


AnyOptimizer = Annotated[
    Annotated[AdamW, Tag("adamw")] | Annotated[Sgd, Tag("sgd")] | Annotated[Lars, Tag("lars")],
    Discriminator(
        _name,
        custom_error_type="unknown_optimizer",
        custom_error_message="there is no such optimizer: choose one of adamw, sgd, lars",
    ),
]


class WatchConfig(Frozen):
    """Label-free signs that pretraining learns nothing, and the reaction to them."""

    on_collapse: Literal["warn", "error"] = "warn"
    after_steps: int = Field(200, ge=1, description="no warning before this step")
    min_effective_rank: float = Field(2.0, ge=1)
    min_embedding_std: float = Field(
        0.01, ge=0, description="share of 1/sqrt(dim), the standard deviation of a uniform sphere"
    )
    chance_margin: float = Field(
        0.02, ge=0, description="a loss above chance * (1 - chance_margin) counts as stuck at chance"
    )
    keep: Literal["best", "last"] = Field(
        "best", description="encoder to keep: the best by kNN probe, or the last; without labels the last"
    )
    probe_every: int = Field(500, ge=1, description="steps between two kNN probes")
    probe_images: int = Field(2000, ge=20, description="largest number of labeled images for the kNN probe")
    probe_neighbors: int = Field(20, ge=1)


class DistributionConfig(Frozen):
    """The devices of pretraining; every objective compares the images of all devices."""

    strategy: Literal["none", "mirrored", "multi_worker"] = Field(
        "none", description="mirrored: all devices of this machine; multi_worker: the workers in TF_CONFIG"
    )
    devices: tuple[str, ...] = Field((), description="devices of mirrored, such as GPU:0; empty: all GPUs")
    sync_batch_norm: bool = Field(True, description="compute batch norm's statistics over all replicas")


# Defaults for images in color; `default_policy` has the views.
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
        0.99, ge=0, lt=1, description="momentum of the target network, for objectives that have one"
    )
    optimizer: AnyOptimizer = AdamW()
    average_decay: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="decay of an exponential moving average of the encoder, which is kept; 0: no average",
    )
    watch: WatchConfig = WatchConfig()
    seed: int = Field(0, ge=0, lt=2**31)
    batch_size: int = Field(512, ge=2, description="images per step, over all devices")
    micro_batches: int = Field(
        1,
        ge=1,
        description="number of parts into which each device splits its images: saves memory, same gradient",
    )
    distribution: DistributionConfig = DistributionConfig()
    num_steps: int = Field(1500, ge=1)
    steps_per_call: int = Field(10, ge=1, description="training steps per call of the graph")
    log_every: int = Field(50, ge=1)
    checkpoint_every: int = Field(250, ge=1, description="most steps between two checkpoints")
    checkpoint_minutes: float = Field(2.0, gt=0, description="most minutes between two checkpoints")
    keep_checkpoints: int = Field(2, ge=1)
    mixed_precision: Literal["auto", "on", "off"] = Field(
        "auto", description="compute in bfloat16; auto: on GPUs that support it"
    )
    cache_limit_mb: int = Field(
        2048, ge=1, description="decoded images beyond this many MiB go to a file on disk"
    )

    @model_validator(mode="after")
    def _check_parts(self) -> "PretrainConfig":
        if self.batch_size % self.micro_batches:
            raise ValueError(
                f"batch_size ({self.batch_size}) is no multiple of micro_batches ({self.micro_batches}), the "
                "number of parts into which it is split: give a multiple"
            )
        distribution = self.distribution
        if self.micro_batches > 1 and distribution.strategy != "none" and distribution.sync_batch_norm:
            raise ValueError(
                "micro_batches above 1 and distribution.sync_batch_norm exclude each other, since devices "
                "synchronize once per step and not once per part: set sync_batch_norm to false, or "
                "micro_batches to 1"
            )
        return self

    def fitted_to(self, image: ImageConfig) -> "PretrainConfig":
        """Return a configuration whose defaults suit the images.

        Images in color get other defaults than images in grayscale: an encoder with fixed features for edges
        and colors, and views that change colors. Configured values are kept (docs/pretraining.md has the
        reasons, docs/experiments.md the measurements).

        Args:
            image: The shape of the images.

        Returns:
            The configuration with encoder, views, objective and batch size set.
        """
        if image.channels < 3:
            return self
        given = self.model_fields_set
        views = self.views
        if "policy" not in views.model_fields_set:
            views = views.model_copy(update={"policy": default_policy(image.channels)})
        defaults = {name: value for name, value in _IN_COLOR.items() if name not in given}
        return self.model_copy(update={**defaults, "views": views})


class TunerConfig(Frozen):
    """The search for hyperparameters of pretraining: the candidates, the effort and the score on `eval`."""

    enabled: bool = False
    max_trials: int = Field(12, ge=1)
    num_steps: int = Field(300, ge=1, description="pretraining steps per trial")
    score: Literal["knn_probe", "linear_probe"] = "knn_probe"
    objectives: tuple[ObjectiveConfig, ...] = Field(
        (
            ObjectiveConfig(name="nt_xent", params={"temperature": 0.2}),
            ObjectiveConfig(name="dcl", params={"temperature": 0.2}),
            ObjectiveConfig(name="vicreg"),
        ),
        min_length=1,
        description="candidates; the search replaces their temperature by one from the range below",
    )
    min_temperature: float = Field(0.05, gt=0)
    max_temperature: float = Field(0.5, gt=0)
    views: dict[str, tuple[AnyStep, ...]] = Field(
        default_factory=dict, description="candidate policies by any name, in addition to the configured one"
    )
    min_learning_rate: float = Field(5e-4, gt=0)
    max_learning_rate: float = Field(8e-3, gt=0)
    seed: int = Field(0, ge=0, lt=2**31)

    @field_validator("objectives")
    @classmethod
    def _distinct(cls, objectives: tuple[ObjectiveConfig, ...]) -> tuple[ObjectiveConfig, ...]:
        labels = [objective_label(objective) for objective in objectives]
        if len(set(labels)) < len(labels):
            raise ValueError(f"received {', '.join(labels)}: name each objective and distance once")
        return objectives

    @field_validator("views")
    @classmethod
    def _not_reserved(cls, views: dict[str, tuple[AnyStep, ...]]) -> dict[str, tuple[AnyStep, ...]]:
        if CONFIGURED in views:
            raise ValueError(f"{CONFIGURED!r} stands for pretrain.views.policy: choose another name")
        return views

    @model_validator(mode="after")
    def _check_ranges(self) -> "TunerConfig":
        for name in ("temperature", "learning_rate"):
            low, high = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            if low > high:
                raise ValueError(f"min_{name} ({low}) is above max_{name} ({high}): give min <= max")
        return self


def objective_label(objective: ObjectiveConfig) -> str:
    """Return the label of an objective in the search: its name and, if it has one, its distance."""
    return f"{objective.name}-{objective.distance}" if objective.distance else objective.name

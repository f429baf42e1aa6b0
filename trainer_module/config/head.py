"""Configuration of the classifier head."""

from typing import Literal

from pydantic import Field

from tfx_contrastive.contract.frozen import Frozen
from tfx_contrastive.trainer_module.config.pretrain import AdamW, AnyOptimizer
from tfx_contrastive.trainer_module.config.views import AnyStep, Brightness, Contrast, Crop, Cutout, Flip

_FLIP_AND_LIGHT = (Flip(), Brightness(probability=0.5), Contrast(probability=0.5))


class FineTuneConfig(Frozen):
    """Training of encoder and classifier together on views; an average of their weights is kept."""

    policy: tuple[AnyStep, ...] = (
        Crop(min_area=0.5, probability=0.5),
        *_FLIP_AND_LIGHT,
        Cutout(max_area=0.15),
    )
    optimizer: AnyOptimizer = AdamW(learning_rate=3e-3, weight_decay=1e-2)
    layer_decay: float = Field(
        0.85, gt=0, le=1, description="learning rate of a section of layers relative to the next section"
    )
    average_decay: float = Field(
        0.99, ge=0, lt=1, description="decay of the exponential moving average of the weights"
    )
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    mixup: float = Field(0.0, ge=0, description="alpha of mixup's Beta distribution; 0: no mixup")
    batch_size: int = Field(64, ge=2, description="labeled images per step")
    num_steps: int = Field(300, ge=1, description="smallest number of steps")
    min_epochs: float = Field(
        10.0, ge=0, description="smallest number of epochs; num_steps is raised to reach it"
    )
    log_every: int = Field(25, ge=1)


class SelfTrainingConfig(FineTuneConfig):
    """Fine-tuning on the labeled images and on pseudo-labels of the unlabeled ones."""

    policy: tuple[AnyStep, ...] = (
        Crop(min_area=0.4, probability=0.6),
        *_FLIP_AND_LIGHT,
        Cutout(max_area=0.2),
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    rounds: int = Field(2, ge=1, description="number of rounds; each student teaches the next round")
    num_steps: int = Field(100, ge=1, description="smallest number of steps per round")
    min_epochs: float = Field(
        4.0, ge=0, description="smallest number of epochs of the unlabeled images per round"
    )
    unlabeled_batch_size: int = Field(448, ge=1, description="unlabeled images per step")
    max_unlabeled: int = Field(
        100_000, ge=1, description="largest number of unlabeled images; a random subset beyond it"
    )
    unlabeled_weight: float = Field(
        1.0, ge=0, description="weight of an unlabeled image; a labeled one has 1"
    )
    temperature: float = Field(
        1.0, gt=0, description="divides the teacher's logits; below 1 sharpens the pseudo-labels"
    )
    min_confidence: float = Field(
        0.0, ge=0, lt=1, description="pseudo-labels with less confidence are ignored"
    )
    align_shares: bool = Field(
        True, description="make each class as frequent among the pseudo-labels as among the labels"
    )
    num_neighbors: int = Field(
        30, ge=0, description="neighbors per image in the graph of label spreading; 0: no label spreading"
    )
    whitened_dims: int = Field(
        0,
        ge=0,
        description="number of whitened principal components of h in which neighbors are searched; 0: search "
        "in standardized h",
    )
    spreading: float = Field(
        0.9, gt=0, lt=1, description="share of an image's pseudo-label that comes from its neighbors"
    )


class HeadConfig(Frozen):
    """The classifier on the pretrained encoder."""

    mode: Literal["linear_probe", "fine_tune", "self_training"] = "self_training"
    seed: int = 0
    penalties: tuple[float, ...] = Field(
        tuple(10.0**-power for power in range(7)),
        min_length=1,
        description="candidate L2 penalties of the linear probe",
    )
    class_weights: Literal["balanced", "none"] = "balanced"
    mirror_average: bool = Field(
        False,
        description="average h over an image and its mirror image; this doubles the cost of classifying",
    )
    fine_tune: FineTuneConfig = FineTuneConfig()
    self_training: SelfTrainingConfig = SelfTrainingConfig()
    cache_limit_mb: int = Field(
        2048, ge=1, description="decoded images beyond this many MiB go to a file on disk"
    )

    @property
    def num_steps(self) -> int | None:
        """Configured steps of the mode in use; None for `linear_probe`, which has no steps."""
        if self.mode == "linear_probe":
            return None
        return (self.fine_tune if self.mode == "fine_tune" else self.self_training).num_steps

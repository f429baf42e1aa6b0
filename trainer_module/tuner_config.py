"""Configuration of the search for pretraining's hyperparameters: plain data, without TensorFlow."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from tfx_contrastive.contract.frozen import Frozen
from tfx_contrastive.trainer_module.losses.config import ObjectiveConfig
from tfx_contrastive.trainer_module.view_steps import AnyStep

CONFIGURED = "configured"


class TunerConfig(Frozen):
    """What is tried, for how long, and how a trial is scored on `eval`."""

    enabled: bool = False
    max_trials: int = Field(12, ge=1)
    num_steps: int = Field(300, ge=1, description="pretraining steps of a trial")
    score: Literal["knn_probe", "linear_probe"] = "knn_probe"
    objectives: tuple[ObjectiveConfig, ...] = Field(
        (
            ObjectiveConfig(name="nt_xent", params={"temperature": 0.2}),
            ObjectiveConfig(name="dcl", params={"temperature": 0.2}),
            ObjectiveConfig(name="vicreg"),
        ),
        min_length=1,
        description="to choose from; a temperature is replaced by one from the range below",
    )
    min_temperature: float = Field(0.05, gt=0)
    max_temperature: float = Field(0.5, gt=0)
    views: dict[str, tuple[AnyStep, ...]] = Field(
        default_factory=dict, description="policies by a name of your own, beside the configured one"
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
    """How the search calls an objective: its name, and the distance where it has one."""
    return f"{objective.name}-{objective.distance}" if objective.distance else objective.name

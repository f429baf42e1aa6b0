"""Configuration of the optimisers: one class each, told apart by `name`; AdamW where none is given."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from tfx_contrastive.contract.frozen import Frozen


class Optimizer(Frozen):
    """What all have: linear warm-up, then cosine decay to zero."""

    warmup_fraction: float = Field(0.1, ge=0, lt=1, description="share of the steps spent warming up")
    clip_norm: float | None = Field(None, gt=0, description="global norm of gradients; None: no clipping")


class AdamW(Optimizer):
    """Adam with decoupled weight decay (arXiv:1711.05101)."""

    name: Literal["adamw"] = "adamw"
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0, description="decoupled: times the learning rate")


class Sgd(Optimizer):
    """Stochastic gradient descent with momentum."""

    name: Literal["sgd"] = "sgd"
    learning_rate: float = Field(0.1, gt=0)
    weight_decay: float = Field(1e-4, ge=0, description="decoupled: times the learning rate")
    momentum: float = Field(0.9, ge=0, lt=1)
    nesterov: bool = True


class Lars(Optimizer):
    """SGD for large batches: each layer scales the rate by its weights and gradient (arXiv:1708.03888)."""

    name: Literal["lars"] = "lars"
    learning_rate: float = Field(0.6, gt=0, description="SimCLR: 0.3 a 256 images of the batch")
    weight_decay: float = Field(1e-6, ge=0, description="part of the gradient, as published")
    momentum: float = Field(0.9, ge=0, lt=1)
    trust_coefficient: float = Field(1e-3, gt=0, description="eta of the paper")


def _name(value: Any) -> str:
    """What tells the optimisers apart: they are AdamW unless they say otherwise."""
    return str(value.get("name", "adamw") if isinstance(value, dict) else getattr(value, "name", value))


AnyOptimizer = Annotated[
    Annotated[AdamW, Tag("adamw")] | Annotated[Sgd, Tag("sgd")] | Annotated[Lars, Tag("lars")],
    Discriminator(
        _name,
        custom_error_type="unknown_optimizer",
        custom_error_message="there is no such optimizer: choose one of adamw, sgd, lars",
    ),
]

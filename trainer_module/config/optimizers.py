"""Configuration of the optimizers: one class each, selected by `name`; the default is AdamW."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from tfx_contrastive.contract.frozen import Frozen


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

"""The pretraining objectives: a catalog of all, and the configuration of one. No TensorFlow here.

To add an objective, write one file in `losses/` with its function and add one entry to `CATALOG`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

ALL_DISTANCES = ("euclidean", "squared_euclidean", "manhattan", "cosine")
_LOSSES = "tfx_contrastive.trainer_module.losses"


@dataclass(frozen=True)
class Requirements:
    """Networks and labels that the training loop has to provide for an objective.

    Attributes:
        predictor: True if a predictor q follows the projection head; the objective then gets q(z).
        targets: Source of the regression targets: the projections of the trained network (`online`), those
            of its exponential moving average (`ema`), or `none`.
        labels: `optional` if the objective uses the labels that exist, else `unused`.
    """

    predictor: bool = False
    targets: Literal["none", "online", "ema"] = "none"
    labels: Literal["unused", "optional"] = "unused"


@dataclass(frozen=True)
class Parameter:
    """A positive number that an objective takes; without a default it must be given."""

    meaning: str
    default: float | None = None


@dataclass(frozen=True)
class ObjectiveSpec:
    """An entry of the catalog.

    Attributes:
        function: Dotted path of the function that computes the loss.
        parameters: Parameters by name.
        distances: Distances that make sense, the published one first; empty if the objective uses none.
            The function takes an argument `distance` if there are several.
        requirements: Networks and labels that the training loop has to provide.
        chance_loss: Loss of constant embeddings as a function of the number of images N; a run whose loss
            stays there learns nothing. None if the objective has no such value.
    """

    function: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    distances: tuple[str, ...] = ()
    requirements: Requirements = Requirements()
    chance_loss: Callable[[int], float] | None = None


_TEMPERATURE = {"temperature": Parameter("divides the logits; published: 0.05 to 1.0")}
_MARGIN = {"margin": Parameter("in the unit of the distance")}

CATALOG: Mapping[str, ObjectiveSpec] = {
    "nt_xent": ObjectiveSpec(
        f"{_LOSSES}.nt_xent.nt_xent_loss",
        parameters=_TEMPERATURE,
        distances=("cosine",),
        chance_loss=lambda num: math.log(2 * num - 1),
    ),
    "dcl": ObjectiveSpec(
        f"{_LOSSES}.dcl.dcl_loss",
        parameters=_TEMPERATURE,
        distances=("cosine",),
        chance_loss=lambda num: math.log(2 * num - 2),
    ),
    "supcon": ObjectiveSpec(
        f"{_LOSSES}.supcon.supcon_loss",
        parameters=_TEMPERATURE,
        distances=("cosine",),
        requirements=Requirements(labels="optional"),
        chance_loss=lambda num: math.log(2 * num - 1),
    ),
    "info_nce": ObjectiveSpec(
        f"{_LOSSES}.info_nce.info_nce_loss",
        parameters=_TEMPERATURE,
        distances=("cosine", "euclidean", "squared_euclidean", "manhattan"),
        chance_loss=lambda num: math.log(num),
    ),
    "margin_contrastive": ObjectiveSpec(
        f"{_LOSSES}.margin_contrastive.margin_contrastive_loss",
        parameters=_MARGIN,
        distances=("euclidean", "squared_euclidean", "manhattan", "cosine"),
    ),
    "triplet_margin": ObjectiveSpec(
        f"{_LOSSES}.triplet_margin.triplet_margin_loss",
        parameters=_MARGIN,
        distances=("squared_euclidean", "euclidean", "manhattan", "cosine"),
    ),
    "simsiam": ObjectiveSpec(
        f"{_LOSSES}.simsiam.simsiam_loss",
        distances=("cosine",),
        requirements=Requirements(predictor=True, targets="online"),
    ),
    "byol": ObjectiveSpec(
        f"{_LOSSES}.byol.byol_loss",
        distances=("cosine",),
        requirements=Requirements(predictor=True, targets="ema"),
    ),
    "barlow_twins": ObjectiveSpec(
        f"{_LOSSES}.barlow_twins.barlow_twins_loss",
        parameters={"redundancy_weight": Parameter("lambda: weight of the off-diagonal terms", 5e-3)},
    ),
    "vicreg": ObjectiveSpec(
        f"{_LOSSES}.vicreg.vicreg_loss",
        parameters={
            "invariance_weight": Parameter("lambda: weight of the views' difference", 25.0),
            "variance_weight": Parameter("mu: weight of the standard deviations' hinge", 25.0),
            "covariance_weight": Parameter("nu: weight of the covariances", 1.0),
        },
    ),
    "alignment_uniformity": ObjectiveSpec(
        f"{_LOSSES}.alignment_uniformity.alignment_uniformity_loss",
        parameters={
            "uniformity_weight": Parameter("weight of uniformity against alignment", 1.0),
            "uniformity_scale": Parameter("t of the Gaussian potential", 2.0),
        },
        distances=("squared_euclidean",),
    ),
}


def sensible_pairs() -> list[str]:
    """Return one line per objective with the distances that make sense for it, for messages."""
    return [f"{name}: {', '.join(spec.distances) or 'no distance'}" for name, spec in CATALOG.items()]


class ObjectiveConfig(BaseModel):
    """An objective of `CATALOG` with its distance and parameters; after validation all of them are set.

    Temperatures and margins have no default, since a published value belongs to its distance and data. Other
    parameters default to the paper's value.

    Raises:
        pydantic.ValidationError: If the name is unknown, the distance makes no sense for the objective, or a
            parameter is missing, unknown or not positive. The message lists the valid ones.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str
    distance: str | None = Field(None, validate_default=True, description="None: the published one")
    params: dict[str, float] = Field(default_factory=dict, validate_default=True)

    @property
    def spec(self) -> ObjectiveSpec:
        """Entry of the catalog."""
        return CATALOG[self.name]

    @property
    def requirements(self) -> Requirements:
        """Networks and labels that the training loop has to provide."""
        return self.spec.requirements

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in CATALOG:
            raise ValueError(f"there is no objective {name!r}: choose one of {', '.join(CATALOG)}")
        return name

    @field_validator("distance")
    @classmethod
    def _sensible(cls, distance: str | None, info: ValidationInfo) -> str | None:
        if "name" not in info.data:  # the name was refused
            return distance
        name = info.data["name"]
        distances = CATALOG[name].distances
        if distance is None:
            return distances[0] if distances else None
        if distance not in ALL_DISTANCES:
            raise ValueError(f"there is no distance {distance!r}: choose one of {', '.join(ALL_DISTANCES)}")
        if distance not in distances:
            raise ValueError(
                f"{name} with distance {distance!r} makes no sense; leave the distance out, or choose one of "
                + "; ".join(sensible_pairs())
            )
        return distance

    @field_validator("params")
    @classmethod
    def _complete(cls, params: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        if "name" not in info.data:
            return params
        name = info.data["name"]
        known = CATALOG[name].parameters
        unknown = sorted(set(params) - set(known))
        if unknown:
            raise ValueError(
                f"{name} takes no {', '.join(unknown)}: it takes {', '.join(known) or 'no parameters'}"
            )
        complete = {}
        for key, parameter in known.items():
            value = params.get(key, parameter.default)
            if value is None:
                raise ValueError(f"{name} needs params.{key}, a positive number ({parameter.meaning})")
            if value <= 0:
                raise ValueError(f"params.{key} is {value}: expected a positive number ({parameter.meaning})")
            complete[key] = value
        return complete

"""What each objective is called, takes and needs: plain data, without TensorFlow."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

ALL_DISTANCES = ("euclidean", "squared_euclidean", "manhattan", "cosine")


@dataclass(frozen=True)
class Requirements:
    """What the training loop has to provide for an objective.

    Attributes:
        predictor: A predictor q follows the projection head; the objective's z are q(z).
        targets: Where the regression targets come from: the online network's own projections
            (`online`), those of its exponential moving average (`ema`), or there are none.
        labels: Whether labels are of use; `optional`: an unlabelled image is fine.
        num_views: Views of an image in one call.
    """

    predictor: bool = False
    targets: Literal["none", "online", "ema"] = "none"
    labels: Literal["unused", "optional"] = "unused"
    num_views: int = 2


@dataclass(frozen=True)
class Parameter:
    """A positive number an objective takes; without a default it must be stated."""

    meaning: str
    default: float | None = None


@dataclass(frozen=True)
class ObjectiveSpec:
    """An entry of the catalog.

    Attributes:
        paper: Where it was published.
        parameters: What it takes, by name.
        distances: The distances that make sense, the published one first; empty where none is used.
        requirements: What the training loop has to provide.
        chance_loss: Loss of constant embeddings for N images, where a run stuck at it learns nothing.
    """

    paper: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    distances: tuple[str, ...] = ()
    requirements: Requirements = Requirements()
    chance_loss: Callable[[int], float] | None = None


_TEMPERATURE = {"temperature": Parameter("divides the logits; published: 0.05 to 1.0")}
_MARGIN = {"margin": Parameter("in the unit of the distance")}

CATALOG: Mapping[str, ObjectiveSpec] = {
    "nt_xent": ObjectiveSpec(
        "SimCLR, arXiv:2002.05709",
        parameters=_TEMPERATURE,
        distances=("cosine",),
        chance_loss=lambda num: math.log(2 * num - 1),
    ),
    "dcl": ObjectiveSpec(
        "arXiv:2110.06848",
        parameters=_TEMPERATURE,
        distances=("cosine",),
        chance_loss=lambda num: math.log(2 * num - 2),
    ),
    "supcon": ObjectiveSpec(
        "arXiv:2004.11362",
        parameters=_TEMPERATURE,
        distances=("cosine",),
        requirements=Requirements(labels="optional"),
        chance_loss=lambda num: math.log(2 * num - 1),
    ),
    "info_nce": ObjectiveSpec(
        "CPC, arXiv:1807.03748",
        parameters=_TEMPERATURE,
        distances=("cosine", "euclidean", "squared_euclidean", "manhattan"),
        chance_loss=lambda num: math.log(num),
    ),
    "margin_contrastive": ObjectiveSpec(
        "Hadsell et al., CVPR 2006",
        parameters=_MARGIN,
        distances=("euclidean", "squared_euclidean", "manhattan", "cosine"),
    ),
    "triplet_margin": ObjectiveSpec(
        "FaceNet, arXiv:1503.03832",
        parameters=_MARGIN,
        distances=("squared_euclidean", "euclidean", "manhattan", "cosine"),
    ),
    "simsiam": ObjectiveSpec(
        "arXiv:2011.10566",
        distances=("cosine",),
        requirements=Requirements(predictor=True, targets="online"),
    ),
    "byol": ObjectiveSpec(
        "arXiv:2006.07733",
        distances=("cosine",),
        requirements=Requirements(predictor=True, targets="ema"),
    ),
    "barlow_twins": ObjectiveSpec(
        "arXiv:2103.03230",
        parameters={"redundancy_weight": Parameter("lambda: weight of the off-diagonal terms", 5e-3)},
    ),
    "vicreg": ObjectiveSpec(
        "arXiv:2105.04906",
        parameters={
            "invariance_weight": Parameter("lambda: weight of the views' difference", 25.0),
            "variance_weight": Parameter("mu: weight of the standard deviations' hinge", 25.0),
            "covariance_weight": Parameter("nu: weight of the covariances", 1.0),
        },
    ),
    "alignment_uniformity": ObjectiveSpec(
        "arXiv:2005.10242",
        parameters={
            "uniformity_weight": Parameter("weight of uniformity against alignment", 1.0),
            "uniformity_scale": Parameter("t of the Gaussian potential", 2.0),
        },
        distances=("squared_euclidean",),
    ),
}


def sensible_pairs() -> list[str]:
    """Every objective with the distances that make sense for it, one line each, for messages."""
    return [f"{name}: {', '.join(spec.distances) or 'no distance'}" for name, spec in CATALOG.items()]

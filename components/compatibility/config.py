"""Thresholds of the compatibility check."""

from pydantic import Field

from tfx_contrastive.contract.examples import EVAL
from tfx_contrastive.contract.frozen import Frozen


class CompatibilityConfig(Frozen):
    """Thresholds of the verdict, and number of images that are compared.

    All three thresholds must be met. The first two measure whether both encoders find the same images
    similar. They don't change if a space is rotated, although vectors from before and after a rotation can't
    be compared. The third one detects that: it searches among the former vectors with the new ones, as a
    consumer does who keeps an old index.
    """

    min_neighbor_overlap: float = Field(
        0.8, ge=0, le=1, description="share of the k nearest neighbors that both spaces agree on"
    )
    min_cka: float = Field(0.95, ge=0, le=1, description="linear CKA")
    min_cross_overlap: float = Field(
        0.8,
        ge=0,
        le=1,
        description="share of the former neighbors that new queries find among the former vectors",
    )
    k: int = Field(10, ge=1)
    split: str = EVAL
    max_images: int = Field(
        5_000, ge=20, description="images to compare: those of the split with the smallest ids"
    )
    batch_size: int = Field(256, ge=1)

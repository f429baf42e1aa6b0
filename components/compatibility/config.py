"""Thresholds of the compatibility check."""

from pydantic import Field

from tfx_contrastive.contract.examples import EVAL
from tfx_contrastive.contract.frozen import Frozen


class CompatibilityConfig(Frozen):
    """Thresholds of the verdict and number of images that are compared.

    All three must be met. The first two say whether the encoders see the same likenesses; they are blind
    to a rotation of the space, which makes vectors of the one useless beside those of the other. The
    third is not: it searches the former vectors with the new ones, as a consumer would who does not
    embed again.
    """

    min_neighbor_overlap: float = Field(0.8, ge=0, le=1, description="of the k neighbors in either space")
    min_cka: float = Field(0.95, ge=0, le=1, description="linear CKA")
    min_cross_overlap: float = Field(
        0.8,
        ge=0,
        le=1,
        description="neighbors that new queries find among former vectors, of the former ones",
    )
    k: int = Field(10, ge=1)
    split: str = EVAL
    max_images: int = Field(5_000, ge=20, description="the images with the smallest ids of the split")
    batch_size: int = Field(256, ge=1)

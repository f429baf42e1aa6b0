"""How much of a difference counts as drift."""

import math

from pydantic import Field, model_validator

from tfx_contrastive.contract.examples import TRAIN
from tfx_contrastive.contract.frozen import Frozen

# On embeddings by MMD and by Fréchet distance, and on what a classifier answers.
NUM_TESTS = 3


class DriftConfig(Frozen):
    """Configuration of the drift check.

    `alpha` is the chance of a false alarm of the tests together. The samples are bounded
    on purpose: with ever more images any two data sets differ significantly, by amounts that don't matter.
    """

    alpha: float = Field(0.01, gt=0, lt=1)
    num_permutations: int = Field(500, ge=20)
    max_images: int = Field(1_000, ge=20, description="new images that are looked at, drawn at random")
    max_reference: int = Field(2_000, ge=20, description="training images that they are compared with")
    min_images: int = Field(50, ge=20, description="fewer can't be judged")
    max_divergence: float = Field(
        0.1, gt=0, le=1, description="Jensen-Shannon divergence of brightness, contrast, entropy, size"
    )
    max_bad_fraction: float = Field(0.05, ge=0, le=1, description="new images that can't be used")
    max_pixels: int = Field(50_000_000, ge=1)
    max_file_bytes: int = Field(256 * 2**20, ge=1)
    reference_split: str = TRAIN
    seed: int = 0

    @property
    def level(self) -> float:
        """The p-value at which one test alarms (Bonferroni)."""
        return self.alpha / NUM_TESTS

    @model_validator(mode="after")
    def _tests_can_alarm(self) -> "DriftConfig":
        least = permutations_for(self.alpha)
        if self.num_permutations < least:
            raise ValueError(
                f"Received num_permutations={self.num_permutations} with alpha={self.alpha:g}; expected "
                f"{least} or more: fewer can't give a p-value that small, and no test would ever alarm."
            )
        return self


def permutations_for(alpha: float) -> int:
    """The fewest permutations with which a test can reach `alpha / NUM_TESTS`."""
    return math.ceil(NUM_TESTS / alpha) - 1

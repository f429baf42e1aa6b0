"""Configuration of EmbeddingGen."""

from typing import Literal

from pydantic import Field

from tfx_contrastive.contract.frozen import Frozen


class EmbeddingConfig(Frozen):
    """Batch size and whitening of EmbeddingGen."""

    batch_size: int = Field(256, ge=1, description="images in one call of the model, and in memory, twice")
    whiten: Literal["auto", "always", "never"] = Field(
        "auto",
        description="compare embeddings whitened; auto: where train is large enough to fit a whitening",
    )
    whitening_ridge: float = Field(
        0.3, gt=0, description="shrinkage: this share of the mean variance is added to every variance"
    )

"""Configuration of EmbeddingGen."""

from typing import Literal

from pydantic import Field

from tfx_contrastive.contract.frozen import Frozen


class EmbeddingConfig(Frozen):
    """Batch size and whitening of EmbeddingGen."""

    batch_size: int = Field(
        256, ge=1, description="images per call of the model; two such batches are in memory"
    )
    whiten: Literal["auto", "always", "never"] = Field(
        "auto",
        description="whiten embeddings before comparing them; auto: if train is large enough to fit that",
    )
    whitening_ridge: float = Field(
        0.3, gt=0, description="shrinkage: this share of the mean variance is added to every variance"
    )

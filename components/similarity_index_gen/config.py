"""Configuration of SimilarityIndexGen."""

from typing import Literal

from pydantic import Field

from tfx_contrastive.contract.frozen import Frozen


class IndexConfig(Frozen):
    """Kinds of index to build, and the recall that an approximate one needs."""

    splits: tuple[str, ...] | None = Field(None, description="which to index; None: all")
    exact_up_to: int = Field(
        200_000, ge=0, description="no approximation up to this many images: exact search is fast enough"
    )
    approximate: tuple[Literal["ivf", "hnsw"], ...] = Field(
        ("ivf", "hnsw"),
        min_length=1,
        description="tried in this order above that; the first to pass is taken",
    )
    min_recall: float = Field(0.95, gt=0, le=1, description="recall@k against exact search that it needs")
    recall_k: int = Field(10, ge=1)
    num_queries: int = Field(1_000, ge=10, description="indexed images on which the recall is measured")
    max_scanned: float = Field(
        0.25,
        gt=0,
        le=1,
        description="an index that must look at more of its vectors than this isn't worth it",
    )
    seed: int = 0

"""Configuration of SimilarityIndexGen."""

from typing import Literal

from pydantic import Field

from tfx_contrastive.contract.frozen import Frozen


class IndexConfig(Frozen):
    """Kinds of index to build, and the recall that an approximate one needs."""

    splits: tuple[str, ...] | None = Field(None, description="splits to index; None: all")
    exact_up_to: int = Field(
        200_000, ge=0, description="up to this many images, the index is exact, which is fast enough"
    )
    approximate: tuple[Literal["ivf", "hnsw"], ...] = Field(
        ("ivf", "hnsw"),
        min_length=1,
        description="kinds to try, in this order, for more images; the first one that passes is taken",
    )
    min_recall: float = Field(
        0.95, gt=0, le=1, description="recall@k against exact search that a kind needs to pass"
    )
    recall_k: int = Field(10, ge=1)
    num_queries: int = Field(
        1_000, ge=10, description="number of indexed images on which the recall is measured"
    )
    max_scanned: float = Field(
        0.25,
        gt=0,
        le=1,
        description="largest share of the vectors that a query may look at for a kind to pass",
    )
    seed: int = 0

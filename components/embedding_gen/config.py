"""How images are embedded."""

from pydantic import BaseModel, ConfigDict, Field


class EmbeddingConfig(BaseModel):
    """Configuration of EmbeddingGen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch_size: int = Field(256, ge=1, description="images in one call of the model, and in memory, twice")

"""Typed configuration of the two training stages."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """Base of every configuration object: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ImageConfig(Frozen):
    """The shape to which every image is brought: [height, width, channels]."""

    height: int = Field(28, ge=8, le=1024)
    width: int = Field(28, ge=8, le=1024)
    channels: Literal[1, 3, 4] = 1


class EncoderConfig(Frozen):
    """Which encoder maps an image to its representation h."""

    name: str = "c4n"
    latent_dim: int | None = Field(None, ge=2, description="width of h; None keeps the network's own width")

"""The base of every configuration object."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """An immutable configuration object that refuses unknown keys, and numbers that are NaN or infinite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

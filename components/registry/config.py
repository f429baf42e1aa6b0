"""Which registry, and what a newly blessed model becomes in it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class RegistryConfig(BaseModel):
    """Configuration of the model registry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["mlflow"] = "mlflow"
    uri: str | None = Field(
        None,
        description="http(s) URI of an MLflow server; None is an SQLite file in the pipeline's root",
    )
    promote_to: Literal["champion", "challenger"] = Field(
        "champion", description="alias of a newly blessed version; a challenger waits for a person"
    )
    keep_refused: bool = Field(
        False, description="also record models that no gate blessed; they get no alias"
    )

"""Configuration of the model registry."""

from typing import Literal

from pydantic import Field, model_validator

from tfx_contrastive.contract.frozen import Frozen


class RegistryConfig(Frozen):
    """The registry to use, and the alias that a newly blessed model receives."""

    kind: Literal["mlflow", "kubeflow"] = "mlflow"
    uri: str | None = Field(
        None,
        description="http(s) URI of the server; None is MLflow's SQLite file in the pipeline's root",
    )
    token_path: str | None = Field(
        None, description="kubeflow: file with a bearer token; None is that of the pod's service account"
    )
    promote_to: Literal["champion", "challenger"] = Field(
        "champion", description="alias of a newly blessed version; a challenger waits for a person"
    )
    keep_refused: bool = Field(
        False, description="also record models that no gate blessed; they get no alias"
    )

    @model_validator(mode="after")
    def _kubeflow_is_a_server(self) -> "RegistryConfig":
        if self.kind == "kubeflow" and not self.uri:
            raise ValueError(
                "Received registry.kind kubeflow without registry.uri; expected its server's http(s) URI."
            )
        return self

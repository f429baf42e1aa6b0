"""The configuration of a whole pipeline: each layer's own part, and what only the wiring needs."""

import os
import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from tfx_contrastive.components.compatibility.config import CompatibilityConfig
from tfx_contrastive.components.embedding_gen.config import EmbeddingConfig
from tfx_contrastive.components.evaluation.config import ComparedClasses, EvaluationConfig
from tfx_contrastive.components.image_example_gen.config import IngestConfig, SeenAs
from tfx_contrastive.components.registry.config import RegistryConfig
from tfx_contrastive.components.representation_gate.config import GateConfig
from tfx_contrastive.components.similarity_index_gen.config import IndexConfig
from tfx_contrastive.contract.frozen import Frozen
from tfx_contrastive.pipeline import schema
from tfx_contrastive.pipeline.config.platforms import BeamConfig, KubeflowConfig
from tfx_contrastive.trainer_module.config import (
    ExportConfig,
    HeadConfig,
    ImageConfig,
    PretrainConfig,
    ServingConfig,
    TunerConfig,
    check_policy,
)


def seen_as(image: ImageConfig) -> SeenAs:
    """Return what a model sees of an image, as far as ingest and its neighbors need to know it."""
    return SeenAs(ground=image.ground, bit_depth=image.bit_depth, channels=image.channels)


class BaselineConfig(Frozen):
    """Which model the candidate is compared with (docs/gates.md)."""

    policy: Literal["latest", "none"] = "latest"
    reset_token: str = Field("", description="a new value resolves the baseline again for a cached model")
    classes: ComparedClasses = Field(
        "shared",
        description="compare on the classes that both models know, or on all, where one that a model doesn't "
        "know is wrong for it",
    )


class ServerMetadataConfig(Frozen):
    """ML Metadata in a database server; the password is read from an environment variable."""

    kind: Literal["mysql", "postgresql"]
    host: str
    port: int = Field(gt=0, lt=65536)
    database: str
    user: str
    password_env: str = Field(
        "MLMD_PASSWORD", description="name of the environment variable, never the value"
    )


class SqliteMetadataConfig(Frozen):
    """ML Metadata in one SQLite file; None puts it under the pipeline's root."""

    kind: Literal["sqlite"] = "sqlite"
    path: str | None = None


class PipelineConfig(Frozen):
    """Everything that one run of the pipeline depends on."""

    name: str = Field(description="also of the pushed and the registered model")
    root: str = Field(
        "runs/{name}",
        validate_default=True,
        description="where artifacts, metadata, logs and pushed models go",
    )
    data: IngestConfig
    schema_path: str | None = Field(None, description="name or path of a curated schema; None infers one")
    image: ImageConfig = ImageConfig()
    tuner: TunerConfig = TunerConfig()
    pretrain: PretrainConfig = PretrainConfig()
    representation_gate: GateConfig = GateConfig()
    head: HeadConfig = HeadConfig()
    export: ExportConfig = ExportConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    baseline: BaselineConfig = BaselineConfig()
    registry: RegistryConfig = RegistryConfig()
    compatibility: CompatibilityConfig = CompatibilityConfig()
    embedding: EmbeddingConfig = EmbeddingConfig()
    index: IndexConfig = IndexConfig()
    metadata: SqliteMetadataConfig | ServerMetadataConfig = Field(
        SqliteMetadataConfig(), discriminator="kind"
    )
    beam: BeamConfig = BeamConfig()
    kubeflow: KubeflowConfig = KubeflowConfig()

    @field_validator("name")
    @classmethod
    def _fit_for_every_runner(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}", name):
            proposal = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:63] or "my-images"
            raise ValueError(
                "Expected at most 63 letters (A to Z), digits and hyphens, a letter or digit first, "
                f"as Kubernetes takes names; for example {proposal}"
            )
        return name

    @field_validator("root")
    @classmethod
    def _absolute(cls, root: str) -> str:
        if "://" in root:
            return root.rstrip("/")
        expanded = os.path.expanduser(root)
        if expanded.startswith("~"):
            raise ValueError("This user has no home directory here (HOME is not set). Write the whole path")
        return os.path.abspath(expanded)

    @field_validator("schema_path")
    @classmethod
    def _existing(cls, schema_path: str | None) -> str | None:
        if schema_path is not None:
            schema.check_known(schema_path)
        return schema_path

    @model_validator(mode="after")
    def _components_know_what_is_seen(self) -> "PipelineConfig":
        seen = seen_as(self.image)
        for name in ("data", "representation_gate"):
            part = getattr(self, name).model_copy(update={"seen_as": seen})
            object.__setattr__(self, name, part)
        return self

    @model_validator(mode="after")
    def _policies_fit_the_images(self) -> "PipelineConfig":
        policies = {
            "pretrain.views.policy": self.pretrain.views.policy,
            "head.fine_tune.policy": self.head.fine_tune.policy,
            "head.self_training.policy": self.head.self_training.policy,
            **{f"tuner.views.{name}": policy for name, policy in self.tuner.views.items()},
        }
        for where, policy in policies.items():
            check_policy(policy, self.image.channels, where)
        return self

    def model_post_init(self, _context: object) -> None:
        """Fills in what depends on other parts: `{name}` in the root, defaults that suit the images."""
        object.__setattr__(self, "root", self.root.replace("{name}", self.name))
        object.__setattr__(self, "pretrain", self.pretrain.fitted_to(self.image))

    @property
    def serving_dir(self) -> str:
        """Directory of numeric versions, as TF Serving watches it: the newest is the registry's champion."""
        return f"{self.root}/serving/{self.name}"

    @property
    def pushed_dir(self) -> str:
        """Directory of numeric versions that the Pusher writes; nobody serves from it."""
        return f"{self.root}/pushed/{self.name}"

    @property
    def serving(self) -> ServingConfig:
        """What consumers get: a server takes no larger image than ImageExampleGen does."""
        return ServingConfig(max_pixels=self.data.max_pixels, image=self.image, export=self.export)

    @property
    def checkpoint_root(self) -> str:
        """Where training checkpoints go: the same for every run, so that a killed one resumes."""
        return f"{self.root}/checkpoints"

    @property
    def metadata_path(self) -> str:
        """The SQLite file of ML Metadata; only meaningful for `metadata.kind: sqlite`."""
        if isinstance(self.metadata, SqliteMetadataConfig) and self.metadata.path:
            return self.metadata.path
        return f"{self.root}/metadata.sqlite"

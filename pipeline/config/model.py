"""The configuration of the whole pipeline."""

import os
import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from tfx_contrastive.components.compatibility.config import CompatibilityConfig
from tfx_contrastive.components.embedding_gen.config import EmbeddingConfig
from tfx_contrastive.components.evaluation.config import ComparedClasses, EvaluationConfig
from tfx_contrastive.components.examples.model_input import SeenAs
from tfx_contrastive.components.image_example_gen.config import IngestConfig
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
    """Return the properties of the model input that other components need, such as ingest."""
    return SeenAs(ground=image.ground, bit_depth=image.bit_depth, channels=image.channels)


class BaselineConfig(Frozen):
    """The model that the candidate is compared with (docs/gates.md)."""

    policy: Literal["latest", "none"] = "latest"
    reset_token: str = Field(
        "", description="another value resolves the baseline again, even if the model comes from the cache"
    )
    classes: ComparedClasses = Field(
        "shared",
        description="shared compares on the classes that both models know; all compares on all classes, "
        "where a model fails on every image of a class that it does not know",
    )


class ServerMetadataConfig(Frozen):
    """ML Metadata on a database server; the password is read from an environment variable."""

    kind: Literal["mysql", "postgresql"]
    host: str
    port: int = Field(gt=0, lt=65536)
    database: str
    user: str
    password_env: str = Field(
        "MLMD_PASSWORD", description="name of the environment variable with the password"
    )


class SqliteMetadataConfig(Frozen):
    """ML Metadata in an SQLite file; without a path the file is under the root of the pipeline."""

    kind: Literal["sqlite"] = "sqlite"
    path: str | None = None


class PipelineConfig(Frozen):
    """The configuration of the pipeline."""

    name: str = Field(description="name of the pipeline and of the registered model")
    root: str = Field(
        "runs/{name}",
        validate_default=True,
        description="directory of artifacts, metadata, logs and pushed models",
    )
    data: IngestConfig
    schema_path: str | None = Field(
        None, description="name or path of a curated schema; None infers a schema"
    )
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
                "Expected at most 63 letters (A to Z), digits and hyphens, starting with a letter or digit "
                f"(a Kubernetes name); for example {proposal}"
            )
        return name

    @field_validator("root")
    @classmethod
    def _absolute(cls, root: str) -> str:
        if "://" in root:
            return root.rstrip("/")
        expanded = os.path.expanduser(root)
        if expanded.startswith("~"):
            raise ValueError("This user has no home directory (HOME is not set). Write the absolute path")
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
        """Fill in what depends on other parts: `{name}` in the root, and defaults that fit the images."""
        object.__setattr__(self, "root", self.root.replace("{name}", self.name))
        object.__setattr__(self, "pretrain", self.pretrain.fitted_to(self.image))

    @property
    def serving_dir(self) -> str:
        """Directory of numbered versions for TF Serving; the newest one is the champion of the registry."""
        return f"{self.root}/serving/{self.name}"

    @property
    def pushed_dir(self) -> str:
        """Directory of numbered versions that the Pusher writes; it is not served."""
        return f"{self.root}/pushed/{self.name}"

    @property
    def serving(self) -> ServingConfig:
        """Configuration of the served model; it accepts the same maximum image size as ImageExampleGen."""
        return ServingConfig(max_pixels=self.data.max_pixels, image=self.image, export=self.export)

    @property
    def checkpoint_root(self) -> str:
        """Directory of training checkpoints, the same for every run, so that a killed run can continue."""
        return f"{self.root}/checkpoints"

    @property
    def metadata_path(self) -> str:
        """Path of the SQLite file of ML Metadata, for `metadata.kind: sqlite`."""
        if isinstance(self.metadata, SqliteMetadataConfig) and self.metadata.path:
            return self.metadata.path
        return f"{self.root}/metadata.sqlite"

"""Artifact types of this project, named so that every TFX orchestrator can import them."""

from tfx.types import artifact


class Quarantine(artifact.Artifact):
    """Images set aside by ImageExampleGen: `records.jsonl`, `summary.json`, samples under `images/`."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.Quarantine"


class RepresentationReport(artifact.Artifact):
    """What RepresentationGate measured: `metrics.json` with every figure, threshold, verdict and reason."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.RepresentationReport"


class ModelRegistration(artifact.Artifact):
    """What RegistryPusher did: `registration.json` with version, digest, aliases and the reason."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.ModelRegistration"


class Embeddings(artifact.Artifact):
    """Vectors of every image by one encoder: `shards/*.parquet` and `meta.json` (docs/search.md)."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.Embeddings"


class SimilarityIndex(artifact.Artifact):
    """A faiss index bound to one encoder: `index.faiss`, `rows.parquet` and `index.json`."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.SimilarityIndex"


class CompatibilityReport(artifact.Artifact):
    """New encoder against the one in use: `compatibility.json` with figures, thresholds and verdict."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.CompatibilityReport"

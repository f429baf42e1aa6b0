"""The artifact types of this project, with names by which every TFX orchestrator can import them."""

from tfx.types import artifact


class Quarantine(artifact.Artifact):
    """Images set aside by ImageExampleGen: `records.jsonl`, `summary.json`, samples under `images/`."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.Quarantine"


class RepresentationReport(artifact.Artifact):
    """Results of RepresentationGate: `metrics.json` with every figure, threshold, verdict and reason."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.RepresentationReport"


class ModelRegistration(artifact.Artifact):
    """Outcome of RegistryPusher: `registration.json` with version, digest, aliases and reason."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.ModelRegistration"


class Embeddings(artifact.Artifact):
    """Embeddings of every image by one encoder: `shards/*.parquet` and `meta.json` (docs/search.md)."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.Embeddings"


class SimilarityIndex(artifact.Artifact):
    """A faiss index of the embeddings of one encoder: `index.faiss`, `rows.parquet` and `index.json`."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.SimilarityIndex"


class CompatibilityReport(artifact.Artifact):
    """A new encoder compared with the one in use: `compatibility.json` with figures and verdict."""

    TYPE_NAME = "tfx_contrastive.components.artifacts.CompatibilityReport"

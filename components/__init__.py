"""TFX components of this project: thin adapters around cores that import no tfx."""

from typing import Any

_ARTIFACT_TYPES = (
    "CompatibilityReport",
    "Embeddings",
    "ModelRegistration",
    "Quarantine",
    "RepresentationReport",
    "SimilarityIndex",
)


def __getattr__(name: str) -> Any:
    """Loads artifact types on first use: TFX finds a custom type as `tfx_contrastive.components.<Name>`."""
    if name in _ARTIFACT_TYPES:
        from tfx_contrastive.components import artifacts

        return getattr(artifacts, name)
    raise AttributeError(f"module 'tfx_contrastive.components' has no attribute {name!r}")

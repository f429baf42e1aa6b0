"""Artifact types of this project, named so that every TFX orchestrator can import them."""

from tfx.types import artifact


class Quarantine(artifact.Artifact):
    """Images set aside by ImageExampleGen: `records.jsonl`, `summary.json`, samples under `images/`."""

    TYPE_NAME = "components.Quarantine"


class RepresentationReport(artifact.Artifact):
    """What RepresentationGate measured: `metrics.json` with every figure, threshold, verdict and reason."""

    TYPE_NAME = "components.RepresentationReport"

"""Gathers what is recorded of a model: from the other components' outputs and the model itself."""

import dataclasses
import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_contrastive.components.evaluation import results as evaluation_results
from tfx_contrastive.components.registry_pusher import inspection


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where the facts are; None and empty where the topology has no such node.

    Attributes:
        model_dir: Directory of the SavedModel.
        example_dirs: Directories of example files, one of which is shown to the model.
        evaluations: URI of a ModelEvaluation by split.
        representation_uri: Of the RepresentationReport.
        compatibility_uri: Of the CompatibilityReport.
        schema_uri: Of the Schema.
        data: Numbers of images and classes, and the data's digest as `digest`.
        blessed: The verdict of all gates together.
        refused_by: The gates that refused, as CombinedBlessing names them.
        lineage: Ids in ML Metadata: pipeline, run, execution, artifacts.
        given: Facts that only the wiring knows: configuration digest, git commit, label budget.
    """

    model_dir: str
    example_dirs: Sequence[str]
    evaluations: Mapping[str, str]
    representation_uri: str | None
    compatibility_uri: str | None
    schema_uri: str | None
    data: Mapping[str, Any]
    blessed: bool
    refused_by: str
    lineage: Mapping[str, Any]
    given: Mapping[str, Any]


def collect(sources: Sources) -> dict[str, Any]:
    """Reads everything into one JSON-like mapping.

    Raises:
        ValueError: If the model does not answer a real example.
    """
    found = inspection.inspect(sources.model_dir, sources.example_dirs)
    gates: dict[str, Any] = {"blessed": sources.blessed, "refused_by": sources.refused_by}
    if sources.representation_uri:
        report = json.loads(_read(f"{sources.representation_uri}/metrics.json"))
        gates["representation"] = {"figures": report["figures"], "reasons": report["reasons"]}
    if "eval" in sources.evaluations:
        failures = evaluation_results.read_failures(sources.evaluations["eval"])
        gates["evaluation"] = {"reasons": list(failures)}
    compatibility = {}
    if sources.compatibility_uri:
        compatibility = json.loads(_read(f"{sources.compatibility_uri}/compatibility.json"))
        del compatibility["config"]
    return {
        **sources.given,
        "metrics": {split: read_metrics(uri) for split, uri in sources.evaluations.items()},
        "gates": gates,
        "compatibility": compatibility,
        "data": {key: value for key, value in sources.data.items() if key != "digest"},
        "data_digest": sources.data.get("digest", ""),
        "schema_digest": _directory_digest(sources.schema_uri) if sources.schema_uri else "",
        "label_vocabulary": found.label_vocabulary,
        "signatures": found.signatures,
        "input_contract": found.input_contract,
        "encoder_fingerprint": found.encoder_fingerprint,
        "lineage": dict(sources.lineage),
        "versions": _versions(),
    }


def read_metrics(evaluation_uri: str) -> dict[str, dict[str, float]]:
    """The candidate's metrics as plain values.

    Args:
        evaluation_uri: Of the ModelEvaluation artifact.

    Returns:
        Metric -> number by slice (`feature:value`; `overall` for all examples together). A metric of one
        class is named `metric[class index]`.
    """
    return {
        found.slice or "overall": {
            **found.values,
            **{
                f"{metric}[{index}]": value
                for metric, values in found.per_class.items()
                for index, value in values.items()
            },
        }
        for found in evaluation_results.read_metrics(evaluation_uri)
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    packages = ("tfx", "tensorflow", "keras", "tfx-contrastive")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _read(path: str) -> str:
    from tensorflow.io import gfile

    with gfile.GFile(path, "r") as file:
        return file.read()


def _directory_digest(uri: str) -> str:
    from tensorflow.io import gfile

    digest = hashlib.sha256()
    for path in sorted(gfile.glob(f"{uri.rstrip('/')}/*")):
        with gfile.GFile(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()

"""The facts that the registry records of a model, from the outputs of other components and the model."""

import dataclasses
import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from tfx_contrastive.components.evaluation.results import EvaluationResult
from tfx_contrastive.components.examples import tfrecords
from tfx_contrastive.components.gates.verdict import COMPATIBILITY_FILE, REPRESENTATION_FILE
from tfx_contrastive.components.model.directory import complete_versions
from tfx_contrastive.components.model.fingerprint import encoder_fingerprint
from tfx_contrastive.components.model.saved import SAVED_MODEL_FILE, LoadedModel, read_signatures
from tfx_contrastive.components.registry.store import digest_of
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.contract.signatures import ALL_CLASSES, CLASSIFY_BYTES, EMBED_BYTES, SERVING_DEFAULT

INPUT_CONTRACT = {
    SERVING_DEFAULT: "serialized tf.train.Example with the feature `image`: one encoded image, bytes",
    CLASSIFY_BYTES: "encoded image, bytes (PNG, JPEG, BMP, GIF)",
    EMBED_BYTES: "encoded image, bytes (PNG, JPEG, BMP, GIF)",
}


@dataclasses.dataclass(frozen=True)
class Sources:
    """The places of the facts; None or empty if the pipeline has no such node.

    Attributes:
        model_dir: Directory of the SavedModel.
        example_dirs: Directories of example files; the model is called with one example.
        evaluations: Split -> URI of a ModelEvaluation.
        representation_uri: URI of the RepresentationReport.
        compatibility_uri: URI of the CompatibilityReport.
        schema_uri: URI of the Schema.
        data: Numbers of images and classes, and the digest of the data as `digest`.
        blessed: True if every gate blessed the model.
        refused_by: The gates that refused it, as CombinedBlessing names them.
        lineage: Ids in ML Metadata: pipeline, run, execution, artifacts.
        given: Facts that only the pipeline's wiring knows: configuration digest, git commit, label budget.
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


def collect(sources: Sources, serving_dir: str) -> dict[str, Any]:
    """Return all facts as JSON values.

    Args:
        sources: The places of the facts.
        serving_dir: Directory of the served versions, without the candidate's; empty if none is served.

    Raises:
        ValueError: If there is no example, or the model does not answer it.
    """
    gates: dict[str, Any] = {"blessed": sources.blessed, "refused_by": sources.refused_by}
    if sources.representation_uri:
        report = json.loads(files.read_text(files.join(sources.representation_uri, REPRESENTATION_FILE)))
        gates["representation"] = {"figures": report["figures"], "reasons": report["reasons"]}
    evaluations = {split: EvaluationResult(uri) for split, uri in sources.evaluations.items()}
    if "eval" in evaluations:
        gates["evaluation"] = {"reasons": list(evaluations["eval"].failures)}
        gates["baseline"] = baseline_version(evaluations["eval"].baseline_dir, sources.model_dir, serving_dir)
    compatibility = {}
    if sources.compatibility_uri:
        compatibility = json.loads(files.read_text(files.join(sources.compatibility_uri, COMPATIBILITY_FILE)))
        del compatibility["config"]
    return {
        **sources.given,
        "metrics": {split: metrics_of(evaluation) for split, evaluation in evaluations.items()},
        "gates": gates,
        "compatibility": compatibility,
        "data": {key: value for key, value in sources.data.items() if key != "digest"},
        "data_digest": sources.data.get("digest", ""),
        "schema_digest": _directory_digest(sources.schema_uri) if sources.schema_uri else "",
        **_facts_of_model(sources.model_dir, sources.example_dirs),
        "lineage": dict(sources.lineage),
        "versions": _versions(),
    }


def baseline_version(baseline_dir: str, model_dir: str, serving_dir: str) -> str | None:
    """Find the served version that the Evaluator compared the candidate with, by the digest of its files.

    Args:
        baseline_dir: Directory of the baseline's SavedModel; empty without a baseline.
        model_dir: Directory of the candidate's SavedModel.
        serving_dir: Directory of the served versions.

    Returns:
        The number of the version; empty if the candidate was its own baseline. None if it is unknown: the
        baseline or its version is gone, the candidate is served already, or, as on a cluster, the component
        sees no files but those of its own inputs.
    """
    if not baseline_dir or not files.is_file(f"{baseline_dir}/{SAVED_MODEL_FILE}"):
        return None
    digest = digest_of(baseline_dir)
    served = (each for each in complete_versions(serving_dir) if digest_of(each.path) == digest)
    version = next((str(each.version) for each in served), None)
    if digest == digest_of(model_dir):
        return "" if version is None else None
    return version


def metrics_of(evaluation: EvaluationResult) -> dict[str, dict[str, float]]:
    """Return the candidate's metrics as plain values.

    Returns:
        Slice (`feature:value`; `overall` for all examples together) -> metric -> number. The metric of a
        class is named `metric[index of the class]`.
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
        for found in evaluation.slices
    }


def _facts_of_model(model_dir: str, example_dirs: Sequence[str]) -> dict[str, Any]:
    """Load the model as a server would, call it with one real example, and return its facts.

    Raises:
        ValueError: If there is no example, or the model lacks `serving_default`.
    """
    signatures = read_signatures(model_dir)
    example = _first_example(example_dirs)
    if SERVING_DEFAULT not in signatures:
        raise InputError(
            f"{model_dir!r} has the signatures {sorted(signatures)}; expected {SERVING_DEFAULT!r}."
        )
    answer = LoadedModel(model_dir).call(SERVING_DEFAULT, [example])
    classes = answer[ALL_CLASSES][0] if ALL_CLASSES in answer else []
    return {
        "label_vocabulary": [name.decode("utf-8") for name in classes],
        "signatures": {name: dataclasses.asdict(signature) for name, signature in signatures.items()},
        "input_contract": {name: text for name, text in INPUT_CONTRACT.items() if name in signatures},
        "encoder_fingerprint": encoder_fingerprint(model_dir) if EMBED_BYTES in signatures else "",
    }


def _first_example(example_dirs: Sequence[str]) -> bytes:
    for path in tfrecords.paths_in(example_dirs):
        records = tfrecords.as_dataset(path)
        for record in records.take(1).as_numpy_iterator():
            return bytes(record)
    raise InputError(f"No example in {list(example_dirs)}: the model can't be tried before it is registered.")


def _versions() -> dict[str, str]:
    packages = ("tfx", "tensorflow", "keras", "tfx-contrastive")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _directory_digest(uri: str) -> str:
    digest = hashlib.sha256()
    for path in files.glob(files.join(uri, "*")):
        digest.update(files.read_bytes(path))
    return digest.hexdigest()

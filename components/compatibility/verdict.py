"""The verdict: drop-in, or re-index needed."""

import dataclasses
import json
import posixpath
from collections.abc import Callable, Sequence

import numpy as np

from tfx_contrastive.components.compatibility import figures
from tfx_contrastive.components.compatibility.config import CompatibilityConfig
from tfx_contrastive.components.model.directory import complete_versions
from tfx_contrastive.components.model.fingerprint import encoder_fingerprint
from tfx_contrastive.components.model.served import ServedModel

REPORT_FILE = "compatibility.json"
DROP_IN, REINDEX, FIRST = "drop-in", "re-index needed", "first model"


@dataclasses.dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        verdict: `drop-in`, `re-index needed`, or `first model` where none is in use.
        reasons: Why it is no drop-in, or why nothing had to be measured; one sentence each.
        compared_with: Version of the model in use; empty if there is none.
        new_fingerprint: Encoder of the candidate.
        former_fingerprint: Encoder of the model in use; empty if there is none.
        num_images: On which the figures were measured; 0 if nothing had to be measured.
        neighbor_overlap: At k, in [0, 1]; None if not measured.
        cross_overlap: At k, in [0, 1]; None if not measured.
        linear_cka: In [0, 1]; None if not measured.
    """

    verdict: str
    reasons: tuple[str, ...]
    compared_with: str
    new_fingerprint: str
    former_fingerprint: str
    num_images: int = 0
    neighbor_overlap: float | None = None
    cross_overlap: float | None = None
    linear_cka: float | None = None


def judge(
    model_dir: str,
    serving_dir: str,
    read_images: Callable[[], Sequence[bytes]],
    config: CompatibilityConfig,
    is_whitened: Callable[[str], bool] = lambda _: False,
) -> Report:
    """Compares a candidate with the model in use.

    Args:
        model_dir: Of the candidate.
        serving_dir: Directory of numeric versions; the newest complete one is in use.
        read_images: Gives the encoded images; called only if something has to be measured.
        config: Thresholds.
        is_whitened: Whether the index of the encoder with a fingerprint compares whitened vectors.

    Raises:
        ValueError: If the candidate is no model of this pipeline. A model in use that can't be compared
            is a reason to index again, not an error.
    """
    versions = complete_versions(serving_dir)
    if not versions:
        reason = "no model is in use yet: there is nothing to be compatible with"
        return Report(FIRST, (reason,), "", encoder_fingerprint(model_dir), "")
    new, version = ServedModel(model_dir, config.batch_size), str(versions[0].version)
    try:
        former = ServedModel(versions[0].path, config.batch_size)
    except ValueError as error:
        return Report(
            REINDEX, (f"the model in use has no embeddings: {error}",), version, new.fingerprint, ""
        )
    if new.fingerprint == former.fingerprint:
        reason = "both models have the same encoder: their embeddings are equal"
        return Report(DROP_IN, (reason,), version, new.fingerprint, former.fingerprint)
    report = compare(new, former, version, read_images(), config)
    if not is_whitened(former.fingerprint):
        return report
    reason = (
        "the index in use compares vectors that are whitened by the former encoder's matrix: another encoder "
        "has another one, and vectors whitened by two can't be mixed"
    )
    return dataclasses.replace(report, verdict=REINDEX, reasons=(*report.reasons, reason))


def compare(
    new: ServedModel, former: ServedModel, version: str, images: Sequence[bytes], config: CompatibilityConfig
) -> Report:
    """Compares two encoders on the same images.

    Args:
        new: The candidate.
        former: The model in use.
        version: Its version.
        images: Encoded images, N.
        config: Thresholds.

    Returns:
        Figures and verdict.
    """
    if len(images) <= config.k:
        reason = f"the split {config.split!r} has {len(images)} images, measuring takes more than {config.k}"
        return Report(REINDEX, (reason,), version, new.fingerprint, former.fingerprint, len(images))
    vectors, former_vectors = new.embed(images), former.embed(images)
    found = {
        "neighbor_overlap": figures.neighbor_overlap(vectors, former_vectors, config.k),
        "cross_overlap": figures.cross_overlap(vectors, former_vectors, config.k),
        "linear_cka": figures.linear_cka(vectors, former_vectors),
    }
    reasons = _reasons(found, vectors, former_vectors, config)
    return Report(
        REINDEX if reasons else DROP_IN,
        reasons,
        version,
        new.fingerprint,
        former.fingerprint,
        len(images),
        **found,
    )


def _reasons(
    found: dict[str, float], new: np.ndarray, former: np.ndarray, config: CompatibilityConfig
) -> tuple[str, ...]:
    if new.shape[1] != former.shape[1]:
        return (f"the embeddings have {new.shape[1]} dimensions, those in use have {former.shape[1]}",)
    required = {
        "neighbor_overlap": (f"neighbor overlap at {config.k}", config.min_neighbor_overlap),
        "cross_overlap": (
            f"overlap at {config.k} of new queries on former vectors",
            config.min_cross_overlap,
        ),
        "linear_cka": ("linear CKA", config.min_cka),
    }
    # `not >=` also catches NaN, the CKA of a constant encoder.
    return tuple(
        f"{text} is {found[name]:.3f}, a drop-in needs {least:.3f}"
        for name, (text, least) in required.items()
        if not found[name] >= least
    )


def write_report(report: Report, config: CompatibilityConfig, uri: str) -> None:
    """Writes `compatibility.json` with the figures and the thresholds that were applied."""
    from tensorflow.io import gfile

    gfile.makedirs(uri)
    content = dataclasses.asdict(report) | {"config": config.model_dump()}
    with gfile.GFile(posixpath.join(uri, REPORT_FILE), "w") as file:
        file.write(json.dumps(content, indent=2))

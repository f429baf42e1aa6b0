"""The compatibility verdict on a new encoder: drop-in, or re-index needed."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.components.compatibility.config import CompatibilityConfig
from tfx_contrastive.components.gates.verdict import COMPATIBILITY_FILE
from tfx_contrastive.components.model.directory import complete_versions
from tfx_contrastive.components.model.fingerprint import encoder_fingerprint
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.contract import files


def neighbor_overlap(new: NDArray[Any], former: NDArray[Any], k: int) -> float:
    """Return the share of the k nearest neighbors that an image has in both spaces; mean over the images.

    An image is not its own neighbor.

    Args:
        new: New embeddings of length 1, float32 [N, D].
        former: Former embeddings of the same images in the same order, float32 [N, E]; E may differ from D.
        k: Number of neighbors, below N.

    Returns:
        A value in [0, 1]; unrelated spaces give k / (N - 1) on average. It doesn't change if a space is
        rotated, so it must not be used to decide whether vectors of the two spaces can be mixed.

    Raises:
        ValueError: If the numbers of rows differ or k is not below N.
    """
    _check(new, former, k)
    return _overlap(_neighbors(new, new, k), _neighbors(former, former, k))


def cross_overlap(new: NDArray[Any], former: NDArray[Any], k: int) -> float:
    """Return the share of the former neighbors that new vectors find among the former vectors; a mean.

    Args:
        new: New embeddings of length 1, float32 [N, D].
        former: Former embeddings of the same images in the same order, float32 [N, E].
        k: Number of neighbors, below N.

    Returns:
        A value in [0, 1]; 0 if D and E differ, because such vectors can't be compared at all.

    Raises:
        ValueError: If the numbers of rows differ or k is not below N.
    """
    _check(new, former, k)
    if new.shape[1] != former.shape[1]:
        return 0.0
    return _overlap(_neighbors(new, former, k), _neighbors(former, former, k))


def linear_cka(new: NDArray[Any], former: NDArray[Any]) -> float:
    """Return the linear centered kernel alignment (arXiv:1905.00414, eq. 3 with linear kernels).

        CKA(X, Y) = |Y'X|_F^2 / (|X'X|_F |Y'Y|_F), the columns of X and Y centered.

    Args:
        new: New embeddings, float [N, D].
        former: Former embeddings of the same images in the same order, float [N, E].

    Returns:
        A value in [0, 1]: 1 for spaces that differ by rotation, shift and scale only, NaN for a constant
        space. It weights directions by their variance, so a high value does not mean equal neighbors.

    Raises:
        ValueError: If the numbers of rows differ.
    """
    _check(new, former, 0)
    x, y = (values.astype(np.float64) - values.mean(axis=0, dtype=np.float64) for values in (new, former))
    with np.errstate(invalid="ignore"):
        return float(
            np.sum(np.square(y.T @ x)) / np.float64(np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
        )


def _check(new: NDArray[Any], former: NDArray[Any], k: int) -> None:
    if len(new) != len(former) or len(new) <= k:
        raise ValueError(
            f"Received {len(new)} and {len(former)} embeddings; expected equal numbers above k={k}, "
            "one of each encoder for each image."
        )


def _neighbors(queries: NDArray[Any], vectors: NDArray[Any], k: int) -> NDArray[Any]:
    """Return the rows of the k vectors nearest to each query, int64 [N, k]; row i is left out for query i."""
    queries, vectors = (np.ascontiguousarray(each, np.float32) for each in (queries, vectors))
    _, found = faiss.knn(queries, vectors, k + 1, metric=faiss.METRIC_INNER_PRODUCT)
    is_other = found != np.arange(len(queries))[:, None]
    # With many duplicates, an image may not be among its own k + 1 neighbors; then drop the last of them.
    is_other[is_other.all(axis=1), -1] = False
    others: NDArray[Any] = found[is_other]
    return others.reshape(len(queries), k)


def _overlap(first: NDArray[Any], second: NDArray[Any]) -> float:
    return float((first[:, :, None] == second[:, None, :]).any(axis=2).mean())


DROP_IN, REINDEX, FIRST = "drop-in", "re-index needed", "first model"


@dataclasses.dataclass(frozen=True)
class Judgment:
    """The verdict on a new encoder.

    Attributes:
        verdict: `drop-in`, `re-index needed`, or `first model` if none is in use.
        reasons: Why it is no drop-in, or why nothing had to be measured; one sentence each.
        compared_with: Version of the model in use; empty if there is none.
        new_fingerprint: Fingerprint of the candidate's encoder.
        former_fingerprint: Fingerprint of the encoder in use; empty if there is none.
        num_images: Number of images that were compared; 0 if nothing had to be measured.
        neighbor_overlap: See the function; None if not measured.
        cross_overlap: See the function; None if not measured.
        linear_cka: See the function; None if not measured.
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
) -> Judgment:
    """Compare a candidate with the model in use.

    Args:
        model_dir: Directory of the candidate's SavedModel.
        serving_dir: Directory of numeric versions; the newest complete one is in use.
        read_images: Function that returns the encoded images; it is called only if they are needed.
        config: Thresholds.
        is_whitened: Function that returns whether the index made with an encoder, given its fingerprint,
            compares whitened vectors.

    Raises:
        ValueError: If the candidate is no model of this pipeline. A model in use that can't be compared
            is a reason to index again, not an error.
    """
    versions = complete_versions(serving_dir)
    if not versions:
        reason = "no model is in use yet: there is nothing to be compatible with"
        return Judgment(FIRST, (reason,), "", encoder_fingerprint(model_dir), "")
    new, version = ServedModel(model_dir, config.batch_size), str(versions[0].version)
    try:
        former = ServedModel(versions[0].path, config.batch_size)
    except ValueError as error:
        return Judgment(
            REINDEX, (f"the model in use has no embeddings: {error}",), version, new.fingerprint, ""
        )
    if new.fingerprint == former.fingerprint:
        reason = "both models have the same encoder: their embeddings are equal"
        return Judgment(DROP_IN, (reason,), version, new.fingerprint, former.fingerprint)
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
) -> Judgment:
    """Compare two encoders on the same images.

    Args:
        new: The candidate.
        former: The model in use.
        version: Version of the model in use.
        images: Encoded images, N.
        config: Thresholds.

    Returns:
        The verdict with the three measures.
    """
    if len(images) <= config.k:
        reason = f"the split {config.split!r} has {len(images)} images, measuring takes more than {config.k}"
        return Judgment(REINDEX, (reason,), version, new.fingerprint, former.fingerprint, len(images))
    vectors, former_vectors = new.embed(images), former.embed(images)
    found = {
        "neighbor_overlap": neighbor_overlap(vectors, former_vectors, config.k),
        "cross_overlap": cross_overlap(vectors, former_vectors, config.k),
        "linear_cka": linear_cka(vectors, former_vectors),
    }
    reasons = _reasons(found, vectors, former_vectors, config)
    return Judgment(
        REINDEX if reasons else DROP_IN,
        reasons,
        version,
        new.fingerprint,
        former.fingerprint,
        len(images),
        **found,
    )


def _reasons(
    found: dict[str, float], new: NDArray[Any], former: NDArray[Any], config: CompatibilityConfig
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


def write_judgment(report: Judgment, config: CompatibilityConfig, uri: str) -> None:
    """Write `compatibility.json` with the metrics and the thresholds that were applied."""
    content = dataclasses.asdict(report) | {"config": config.model_dump()}
    files.write_text(files.join(uri, COMPATIBILITY_FILE), json.dumps(content, indent=2))

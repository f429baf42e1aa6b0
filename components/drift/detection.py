"""The drift check: figures, reasons and the decision whether to train again."""

import dataclasses
import heapq
import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from components.drift import image_statistics
from components.drift.config import DriftConfig
from components.drift.images import NewImages
from components.drift.two_sample import TwoSampleResult, frechet_test, mmd_test
from components.embedding_gen import embeddings
from components.served_model import ServedModel

DECISION_FILE = "decision.json"
_NUM_TESTS = 2


@dataclasses.dataclass(frozen=True)
class Decision:
    """What was found, and what to do.

    Attributes:
        retrain: Whether any check raised an alarm.
        reasons: One sentence an alarm.
        num_images: New images that were looked at.
        num_reference: Training images that they were compared with.
        set_aside: Reason to number of new images that can't be used.
        mmd: Test on embeddings by maximum mean discrepancy.
        frechet: Test on embeddings by Fréchet distance.
        divergences: Jensen-Shannon divergence of image features.
        encoder_fingerprint: Of the encoder whose embeddings were compared.
        config: DriftConfig that was applied.
    """

    retrain: bool
    reasons: tuple[str, ...]
    num_images: int
    num_reference: int
    set_aside: Mapping[str, int]
    mmd: TwoSampleResult
    frechet: TwoSampleResult
    divergences: Mapping[str, float]
    encoder_fingerprint: str
    config: Mapping[str, Any]


def detect(
    new: NewImages, model: ServedModel, embeddings_uri: str, statistics_dir: str, config: DriftConfig
) -> Decision:
    """Compares new images with the training data.

    Args:
        new: The new images.
        model: With the encoder of the embeddings.
        embeddings_uri: Embeddings artifact that holds the training split.
        statistics_dir: Directory of StatisticsGen's statistics of the training split.
        config: Thresholds.

    Returns:
        The decision.

    Raises:
        ValueError: If there are too few images, or the model's encoder is not that of the embeddings.
    """
    if len(new.images) < config.min_images:
        raise ValueError(
            f"Received {len(new.images)} usable images; expected {config.min_images} or more: "
            "fewer can't be told from chance."
        )
    known = embeddings.read_meta(embeddings_uri).encoder_fingerprint
    if known != model.fingerprint:
        raise ValueError(
            f"The model has the encoder {model.fingerprint[:12]}, the embeddings are of {known[:12]}: "
            "they can't be compared. Give the model that the embeddings were made with."
        )
    reference = reference_vectors(embeddings_uri, config.reference_split, config.max_reference)
    vectors = model.embed([image.encoded for image in new.images])
    mmd = mmd_test(reference, vectors, config.num_permutations, config.seed)
    frechet = frechet_test(reference, vectors, config.num_permutations, config.seed)
    pixels = [image.pixels for image in new.images]
    divergences = image_statistics.divergences(pixels, statistics_dir, config.max_divergence)
    reasons = (
        *_embedding_reasons({"MMD": mmd, "Fréchet distance": frechet}, config),
        *_image_reasons(divergences, new, config),
    )
    return Decision(
        bool(reasons),
        reasons,
        len(new.images),
        len(reference),
        new.set_aside,
        mmd,
        frechet,
        divergences,
        known,
        config.model_dump(),
    )


def reference_vectors(uri: str, split: str, max_images: int) -> np.ndarray:
    """A uniform sample of a split that doesn't depend on shards: the smallest image ids, which are digests.

    Args:
        uri: Of an Embeddings artifact.
        split: Which images.
        max_images: How many at most.

    Returns:
        float32 [N, D].

    Raises:
        ValueError: If the split has no image.
    """
    kept: list[tuple[str, bytes]] = []
    for table in embeddings.read_shards(uri, ["image_id", embeddings.VECTOR], [split]):
        rows = zip(table["image_id"].to_pylist(), embeddings.vectors_of(table), strict=True)
        kept = heapq.nsmallest(max_images, [*kept, *((key, vector.tobytes()) for key, vector in rows)])
    if not kept:
        raise ValueError(f"The embeddings {uri!r} hold no image of the split {split!r}.")
    return np.stack([np.frombuffer(vector, np.float32) for _, vector in kept])


def _embedding_reasons(tests: Mapping[str, TwoSampleResult], config: DriftConfig) -> Sequence[str]:
    level = config.alpha / _NUM_TESTS  # Bonferroni
    return [
        f"embeddings differ from the training data's by {name}: {found.statistic:.4g}, "
        f"where {found.null_mean:.4g} is chance (p = {found.p_value:.4f}, alarm at {level:g})"
        for name, found in tests.items()
        if found.p_value <= level
    ]


def _image_reasons(divergences: Mapping[str, float], new: NewImages, config: DriftConfig) -> Sequence[str]:
    reasons = [
        f"{name} is distributed otherwise: Jensen-Shannon divergence {value:.3f}, "
        f"alarm above {config.max_divergence:g}"
        for name, value in divergences.items()
        if value > config.max_divergence
    ]
    if new.bad_fraction > config.max_bad_fraction:
        counts = ", ".join(f"{reason} {count}" for reason, count in sorted(new.set_aside.items()))
        reasons.append(
            f"{new.bad_fraction:.1%} of the images can't be used ({counts}), "
            f"alarm above {config.max_bad_fraction:.1%}"
        )
    return reasons


def write_decision(decision: Decision, uri: str) -> str:
    """Writes `decision.json`; returns its path."""
    from tensorflow.io import gfile

    gfile.makedirs(uri)
    path = posixpath.join(uri, DECISION_FILE)
    with gfile.GFile(path, "w") as file:
        file.write(json.dumps(dataclasses.asdict(decision), indent=2, ensure_ascii=False))
    return path

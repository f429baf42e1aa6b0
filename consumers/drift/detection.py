"""The drift check: it compares new images with the training data and decides whether to train again."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator

from tfx_contrastive.components.embeddings import store
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.contract.examples import TRAIN
from tfx_contrastive.contract.frozen import Frozen

from .samples import NewImages, Reference, image_divergences, sample_reference
from .two_sample import TwoSampleResult, frechet_test, mean_shift_test, mmd_test

NUM_TESTS = 3  # two on embeddings (MMD, Fréchet distance), one on the classifier's probabilities
DECISION_FILE = "decision.json"


class DriftConfig(Frozen):
    """Configuration of the drift check.

    `alpha` is the probability of a false alarm of all tests together. The samples are small on purpose: with
    enough images, any two data sets differ significantly, even if the difference is too small to matter.
    """

    alpha: float = Field(0.01, gt=0, lt=1)
    num_permutations: int = Field(500, ge=20)
    max_images: int = Field(1_000, ge=20, description="new images to look at, drawn at random")
    max_reference: int = Field(2_000, ge=20, description="training images to compare with")
    min_images: int = Field(50, ge=20, description="smallest number of new images that is judged")
    max_divergence: float = Field(
        0.1,
        gt=0,
        le=1,
        description="largest Jensen-Shannon divergence of brightness, contrast, entropy, size",
    )
    max_bad_fraction: float = Field(
        0.05, ge=0, le=1, description="largest share of new images that can't be used"
    )
    max_pixels: int = Field(50_000_000, ge=1)
    max_file_bytes: int = Field(256 * 2**20, ge=1)
    reference_split: str = TRAIN
    seed: int = 0

    @property
    def level(self) -> float:
        """The largest p-value at which one test raises an alarm (Bonferroni correction)."""
        return self.alpha / NUM_TESTS

    @model_validator(mode="after")
    def _tests_can_alarm(self) -> "DriftConfig":
        least = permutations_for(self.alpha)
        if self.num_permutations < least:
            raise ValueError(
                f"Received num_permutations={self.num_permutations} with alpha={self.alpha:g}; expected "
                f"{least} or more: fewer can't give a p-value that small, and no test would ever alarm."
            )
        return self


def permutations_for(alpha: float) -> int:
    """Return the smallest number of permutations with which a test can reach `alpha / NUM_TESTS`."""
    return math.ceil(NUM_TESTS / alpha) - 1


@dataclasses.dataclass(frozen=True)
class DriftDecision:
    """Result of a drift check.

    Attributes:
        retrain: True if a check raised an alarm.
        reasons: One sentence per alarm.
        num_images: Number of new images that were looked at.
        num_reference: Number of training images that they were compared with.
        set_aside: Reason -> number of new images that can't be used for this reason.
        mmd: Test on embeddings by maximum mean discrepancy.
        frechet: Test on embeddings by Fréchet distance.
        classes: Test on the probabilities of the classifier; None if the model is an encoder.
        class_shares: Class -> its mean probability in the training data, and in the new images.
        divergences: Feature of images -> its Jensen-Shannon divergence.
        encoder_fingerprint: Fingerprint of the encoder whose embeddings were compared.
        config: The DriftConfig that was applied.
        model: The version or run of the model; empty if the caller doesn't state it.
    """

    retrain: bool
    reasons: tuple[str, ...]
    num_images: int
    num_reference: int
    set_aside: Mapping[str, int]
    mmd: TwoSampleResult
    frechet: TwoSampleResult
    classes: TwoSampleResult | None
    class_shares: Mapping[str, tuple[float, float]]
    divergences: Mapping[str, float]
    encoder_fingerprint: str
    config: Mapping[str, Any]
    model: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def detect(
    new: NewImages, model: ServedModel, embeddings_uri: str, statistics_dir: str, config: DriftConfig
) -> DriftDecision:
    """Compare new images with the training data.

    Args:
        new: The new images.
        model: The model whose encoder computed the embeddings.
        embeddings_uri: URI of the Embeddings artifact that holds the training split.
        statistics_dir: Directory of StatisticsGen's statistics of the training split.
        config: Thresholds.

    Raises:
        ValueError: If there are too few images, or another encoder computed the embeddings.
    """
    if len(new.images) < config.min_images:
        raise InputError(
            f"Received {len(new.images)} usable images; expected {config.min_images} or more: "
            "fewer can't be told from chance."
        )
    known = store.read_meta(embeddings_uri).encoder_fingerprint
    if known != model.fingerprint:
        raise InputError(
            f"The model has the encoder {model.fingerprint[:12]}, the embeddings are of {known[:12]}: "
            "they can't be compared. Give the model that the embeddings were made with."
        )
    reference = sample_reference(embeddings_uri, config.reference_split, config.max_reference)
    vectors = model.embed([image.encoded for image in new.images])
    mmd = mmd_test(reference.vectors, vectors, config.num_permutations, config.seed)
    frechet = frechet_test(reference.vectors, vectors, config.num_permutations, config.seed)
    classes, class_shares = _compare_classes(reference, new, model, config)
    pixels = [image.pixels for image in new.images]
    divergences = image_divergences(pixels, statistics_dir, config.max_divergence, new.seen_as)
    reasons = (
        *_embedding_reasons({"MMD": mmd, "Fréchet distance": frechet}, config),
        *_class_reasons(classes, class_shares, config),
        *_image_reasons(divergences, new, config),
    )
    return DriftDecision(
        bool(reasons),
        reasons,
        len(new.images),
        len(reference.vectors),
        new.set_aside,
        mmd,
        frechet,
        classes,
        class_shares,
        divergences,
        known,
        config.model_dump(),
    )


def _compare_classes(
    reference: Reference, new: NewImages, model: ServedModel, config: DriftConfig
) -> tuple[TwoSampleResult | None, Mapping[str, tuple[float, float]]]:
    """Test the classifier's probabilities; return also each class's mean probability, before and now."""
    if not model.is_classifier:
        return None, {}
    former = model.probabilities(reference.images())
    present = model.probabilities([image.encoded for image in new.images])
    found = mean_shift_test(former.probabilities, present.probabilities, config.num_permutations, config.seed)
    shares = zip(former.probabilities.mean(axis=0), present.probabilities.mean(axis=0), strict=True)
    return found, {
        name: (float(before), float(now)) for name, (before, now) in zip(former.names, shares, strict=True)
    }


def _embedding_reasons(tests: Mapping[str, TwoSampleResult], config: DriftConfig) -> Sequence[str]:
    return [
        f"embeddings differ from the training data's by {name}: {found.statistic:.4g}, "
        f"where {found.null_mean:.4g} is chance (p = {found.p_value:.4f}, alarm at {config.level:.2g})"
        for name, found in tests.items()
        if found.p_value <= config.level
    ]


def _class_reasons(
    found: TwoSampleResult | None, shares: Mapping[str, tuple[float, float]], config: DriftConfig
) -> Sequence[str]:
    if found is None or found.p_value > config.level:
        return []
    name, (before, now) = max(shares.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    return [
        f"the classifier gives other classes than for the training data: above all {name!r}, "
        f"{before:.1%} then, {now:.1%} now (p = {found.p_value:.4f}, alarm at {config.level:.2g})"
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


def write_decision(decision: DriftDecision, uri: str) -> str:
    """Write `decision.json` and return its path."""
    path = files.join(uri, DECISION_FILE)
    files.write_text(path, json.dumps(dataclasses.asdict(decision), indent=2, ensure_ascii=False))
    return path

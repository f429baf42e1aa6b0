"""Checks of an encoder's metrics against thresholds and against pixels."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.components.representation_gate.config import GateConfig

_Z = 1.96  # half the width of a 95 % interval, in standard errors


@dataclasses.dataclass(frozen=True)
class Score:
    """A mean over images with its 95 % confidence interval.

    Attributes:
        name: The features that were measured, such as `embedding, whitened` or `8x8 pixels, centered`.
        value: The mean.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    name: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.name} {self.value:.3f} (95 % interval {self.low:.3f} to {self.high:.3f})"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Comparison of the best form of the embedding with the best form of the pixels.

    Attributes:
        measure: Name of the scores, such as `kNN accuracy on eval`.
        num_images: Number of images that were scored.
        embedding: Score of the best form of the embedding.
        pixels: Score of the best pixel baseline.
        margin: Embedding minus pixels, with the 95 % interval of the paired difference.
        all_scores: Scores of all forms.
    """

    measure: str
    num_images: int
    embedding: Score
    pixels: Score
    margin: Score
    all_scores: tuple[Score, ...]

    def __str__(self) -> str:
        return (
            f"{self.measure}, n = {self.num_images:,}: {self.embedding}, {self.pixels}; difference "
            f"{self.margin.value:+.3f} ({self.margin.low:+.3f} to {self.margin.high:+.3f})"
        )


def compare(
    measure: str, embedding: Mapping[str, NDArray[Any]], pixels: Mapping[str, NDArray[Any]]
) -> Comparison:
    """Compare the scores of an encoder and of pixels on the same images.

    The interval of the difference is that of a paired comparison, because images that are easy or hard for
    both say nothing about which is better.

    Args:
        measure: Name of the scores.
        embedding: Form of the embedding -> score of each image in [0, 1], [N]; at least one form.
        pixels: Pixel baseline -> score of each of the same images, [N]; at least one baseline.
    """
    forms = {name: _score(name, values) for name, values in (*embedding.items(), *pixels.items())}
    best = max(embedding, key=lambda name: forms[name].value)
    best_pixels = max(pixels, key=lambda name: forms[name].value)
    difference = np.asarray(embedding[best], float) - np.asarray(pixels[best_pixels], float)
    margin, error = float(difference.mean()), _Z * float(difference.std()) / np.sqrt(len(difference))
    return Comparison(
        measure,
        len(difference),
        forms[best],
        forms[best_pixels],
        Score("difference", margin, margin - error, margin + error),
        tuple(forms.values()),
    )


def _score(name: str, values: NDArray[Any]) -> Score:
    """Return the mean with Wilson's interval, which is conservative for scores other than 0 and 1."""
    mean, num = float(np.mean(values)), len(values)
    center = (mean + _Z**2 / (2 * num)) / (1 + _Z**2 / num)
    half = _Z / (1 + _Z**2 / num) * np.sqrt(mean * (1 - mean) / num + _Z**2 / (4 * num**2))
    return Score(name, mean, max(0.0, float(center - half)), min(1.0, float(center + half)))


Outcome = Literal["passed", "failed", "skipped"]


@dataclasses.dataclass(frozen=True)
class Check:
    """The outcome of one threshold.

    Attributes:
        threshold_name: Name of the threshold in GateConfig.
        figure_name: Name of the metric that it bounds.
        value: Value of the metric; None if it couldn't be computed.
        threshold: The bound; None if it is not set.
        outcome: `passed`, `failed` or `skipped`.
        reason: Reason for the outcome, one sentence.
    """

    threshold_name: str
    figure_name: str
    value: float | None
    threshold: float | None
    outcome: Outcome
    reason: str


@dataclasses.dataclass(frozen=True)
class _Rule:
    threshold_name: str
    figure_name: str
    meaning: str
    upper_bound: bool = False
    labels: bool | None = None  # None: always; True, False: only with or only without labels
    over_pixels: bool = False  # compared with the upper end of an interval


_RULES = (
    _Rule("min_effective_rank", "effective_rank", "embeddings differ in too few directions"),
    _Rule("min_embedding_std", "embedding_std", "embeddings hardly differ from each other"),
    _Rule(
        "max_uniformity", "uniformity", "embeddings lie too close together on the sphere", upper_bound=True
    ),
    _Rule(
        "min_knn_gain",
        "knn_gain",
        "the encoder is hardly better than the same encoder with shuffled weights",
        labels=True,
    ),
    _Rule(
        "min_linear_probe_gain",
        "linear_probe_gain",
        "the encoder is hardly better than the same encoder with shuffled weights",
        labels=True,
    ),
    _Rule(
        "min_view_retrieval_gain",
        "view_retrieval_gain",
        "the encoder is hardly better than the same encoder with shuffled weights",
        labels=False,
    ),
    _Rule(
        "min_knn_margin_over_pixels",
        "knn_margin_over_pixels",
        "the embedding is worse than pixels",
        labels=True,
        over_pixels=True,
    ),
    _Rule(
        "min_linear_probe_margin_over_pixels",
        "linear_probe_margin_over_pixels",
        "the embedding is worse than pixels",
        labels=True,
        over_pixels=True,
    ),
    _Rule("min_knn_accuracy", "knn_accuracy", "the kNN probe is below what was asked for", labels=True),
    _Rule(
        "min_linear_probe_accuracy",
        "linear_probe_accuracy",
        "the linear probe is below what was asked for",
        labels=True,
    ),
    _Rule("min_gain_over_pixels", "gain_over_pixels", "pixels do about as well", labels=True),
)


def check_thresholds(
    figures: Mapping[str, float],
    config: GateConfig,
    has_labels: bool,
    comparisons: Mapping[str, Comparison] | None = None,
) -> list[Check]:
    """Check every threshold.

    A threshold that applies fails if its metric is missing, because an encoder that can't be judged is not
    blessed.

    Args:
        figures: Values of the metrics, by name.
        config: The thresholds.
        has_labels: Whether there were labels of two classes in `train` and some in `eval`.
        comparisons: Comparisons with pixels, by the name of the metric that is their margin.

    Returns:
        One Check per threshold, in the order of GateConfig.
    """
    found = comparisons or {}
    return [
        _against_pixels(rule, found[rule.figure_name], config)
        if rule.over_pixels and rule.figure_name in found
        else _check(rule, figures.get(rule.figure_name), config, has_labels)
        for rule in _RULES
    ]


def refusals(checks: Sequence[Check]) -> list[str]:
    """Return the reasons of the failed checks; empty if the encoder is blessed."""
    return [check.reason for check in checks if check.outcome == "failed"]


def _against_pixels(rule: _Rule, comparison: Comparison, config: GateConfig) -> Check:
    threshold: float | None = getattr(config, rule.threshold_name)
    value = comparison.margin.value
    if threshold is None:
        reason = f"{rule.threshold_name} is not set"
        return Check(rule.threshold_name, rule.figure_name, value, None, "skipped", reason)
    if comparison.margin.high >= threshold:
        return Check(rule.threshold_name, rule.figure_name, value, threshold, "passed", str(comparison))
    reason = f"{rule.meaning}: {comparison}, expected {threshold:+g} or more within the interval"
    return Check(rule.threshold_name, rule.figure_name, value, threshold, "failed", reason)


def _check(rule: _Rule, value: float | None, config: GateConfig, has_labels: bool) -> Check:
    threshold: float | None = getattr(config, rule.threshold_name)

    def result(outcome: Outcome, reason: str) -> Check:
        return Check(rule.threshold_name, rule.figure_name, value, threshold, outcome, reason)

    if threshold is None:
        return result("skipped", f"{rule.threshold_name} is not set")
    if rule.labels is not None and rule.labels != has_labels:
        return result(
            "skipped", "there are no labels to probe with" if rule.labels else "the probes have labels"
        )
    if value is None:
        return result(
            "failed",
            f"{rule.figure_name} could not be computed: nothing to permute in the SavedModel, its weights "
            f"are constants; export variables or set {rule.threshold_name} to null",
        )
    passed = value <= threshold if rule.upper_bound else value >= threshold
    relation = "at most" if rule.upper_bound else "at least"
    figure = f"{rule.figure_name} is {value:.4g}"
    if passed:
        return result("passed", f"{figure} ({relation} {threshold:g})")
    return result("failed", f"{rule.meaning}: {figure}, expected {relation} {threshold:g}")

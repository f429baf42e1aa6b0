"""An encoder against pixels: one measurement on the same images, and whether the difference is chance."""

import dataclasses
from collections.abc import Mapping

import numpy as np

_Z = 1.96  # of a 95 % interval


@dataclasses.dataclass(frozen=True)
class Score:
    """A mean over images with its 95 % interval.

    Attributes:
        name: What was measured, such as `embedding, whitened` or `8x8 pixels, centered`.
        value: The mean.
        low: Lower end.
        high: Upper end.
    """

    name: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.name} {self.value:.3f} (95 % interval {self.low:.3f} to {self.high:.3f})"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The best form of the embedding against the best form of the pixels.

    Attributes:
        measure: What the scores are, such as `kNN accuracy on eval`.
        num_images: On which they were measured.
        embedding: The best form of the embedding.
        pixels: The best pixel baseline.
        margin: Embedding less pixels, with the 95 % interval of the paired difference.
        all_scores: Every form that was measured.
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
    measure: str, embedding: Mapping[str, np.ndarray], pixels: Mapping[str, np.ndarray]
) -> Comparison:
    """Compares what an encoder and pixels score on the same images.

    The interval of the difference is that of a paired comparison: images that are easy or hard for both say
    nothing about which is better.

    Args:
        measure: What the scores are.
        embedding: Score of each image, [N] in [0, 1], by the form of the embedding; one form at least.
        pixels: The same of each pixel baseline, of the same images; one at least.
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


def _score(name: str, values: np.ndarray) -> Score:
    """Mean and Wilson's interval, which stays in [0, 1] (exact coverage for hits, wide for other scores)."""
    mean, num = float(np.mean(values)), len(values)
    center = (mean + _Z**2 / (2 * num)) / (1 + _Z**2 / num)
    half = _Z / (1 + _Z**2 / num) * np.sqrt(mean * (1 - mean) / num + _Z**2 / (4 * num**2))
    return Score(name, mean, max(0.0, float(center - half)), min(1.0, float(center + half)))

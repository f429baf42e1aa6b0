"""Calibration: whether predicted classes are right as often as their probabilities say."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 15  # as in the paper


def bin_numbers(values: NDArray[Any], num_bins: int) -> NDArray[Any]:
    """Return which of `num_bins` bins of equal width each value in [0, 1] is in; int64, same shape."""
    return np.minimum((np.asarray(values) * num_bins).astype(np.int64), num_bins - 1)


def reliability_bins(
    confidences: NDArray[Any], hits: NDArray[Any], weights: NDArray[Any] | None = None
) -> NDArray[Any]:
    """Group predictions by confidence (Guo et al. 2017, arXiv:1706.04599, section 2).

    Args:
        confidences: Probability of the predicted class, float [N], in [0, 1].
        hits: Whether the prediction was right, bool [N].
        weights: Weight of each prediction, float [N]; None: 1.

    Returns:
        float64 [NUM_BINS, 3]: the sums of weights, of weighted confidences and of weighted hits.
    """
    confidences = np.asarray(confidences, np.float64)
    weights = np.ones(len(confidences)) if weights is None else np.asarray(weights, np.float64)
    bins = np.zeros((NUM_BINS, 3))
    rows = np.stack([weights, weights * confidences, weights * np.asarray(hits)], axis=1)
    np.add.at(bins, bin_numbers(confidences, NUM_BINS), rows)
    return bins


def calibration_error(bins: NDArray[Any]) -> float:
    """Return the expected calibration error (same paper, eq. 3).

    Args:
        bins: As `reliability_bins` returns them; sums of several data sets may be added.

    Returns:
        The mean gap between confidence and accuracy, from 0 to 1; NaN without predictions. It says how far
        probabilities can be trusted, and nothing about how often classes are right.
    """
    total = bins[:, 0].sum()
    return float(np.abs(bins[:, 1] - bins[:, 2]).sum() / total) if total else float("nan")

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_contrastive.contract.metrics.calibration import (
    NUM_BINS,
    bin_numbers,
    calibration_error,
    reliability_bins,
)


def test_bins_hold_weights_confidences_and_hits_and_one_belongs_to_the_last() -> None:
    bins = reliability_bins(np.array([0.05, 0.55, 0.58, 1.0]), np.array([False, True, False, True]))
    assert bins[:, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1]
    np.testing.assert_allclose(bins[8], [2, 1.13, 1])
    assert bin_numbers(np.array([0.0, 0.5, 1.0]), 2).tolist() == [0, 1, 1]


def test_the_error_is_the_formula_of_the_paper() -> None:
    random = np.random.default_rng(0)
    confidences = random.uniform(0.3, 1, 500)
    hits = random.uniform(size=500) < 0.6
    expected = 0.0
    for low in np.arange(NUM_BINS) / NUM_BINS:
        inside = (confidences >= low) & (confidences < low + 1 / NUM_BINS)
        if inside.any():
            expected += inside.mean() * abs(confidences[inside].mean() - hits[inside].mean())
    assert calibration_error(reliability_bins(confidences, hits)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ({14: [10, 10.0, 10], 7: [10, 5.0, 5]}, 0.0),
        ({14: [10, 9.5, 5]}, 0.45),
        ({14: [10, 9.5, 5], 5: [10, 3.5, 8]}, 0.45),
    ],
    ids=["calibrated", "overconfident", "gaps of both signs do not cancel"],
)
def test_the_error_is_the_mean_gap(rows: dict[int, list[Any]], expected: float) -> None:
    bins = np.zeros((NUM_BINS, 3))
    for number, row in rows.items():
        bins[number] = row
    assert calibration_error(bins) == pytest.approx(expected)


def test_no_predictions_have_no_error() -> None:
    assert math.isnan(calibration_error(reliability_bins(np.zeros(0), np.zeros(0, bool))))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(1, 5)), min_size=1, max_size=30))
def test_a_weight_counts_like_copies_and_parts_add_up(rows: Any) -> None:
    confidences, hits, weights = (np.array(column) for column in zip(*rows, strict=True))
    weighted = reliability_bins(confidences, hits, weights)
    copies = reliability_bins(np.repeat(confidences, weights), np.repeat(hits, weights))
    np.testing.assert_allclose(weighted, copies)
    halves = [
        reliability_bins(confidences[part], hits[part], weights[part])
        for part in (slice(0, 9), slice(9, None))
    ]
    np.testing.assert_allclose(halves[0] + halves[1], weighted)

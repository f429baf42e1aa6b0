import math

import numpy as np
import pytest

from tfx_contrastive.components.evaluation import calibration


def test_perfectly_calibrated_bins_have_no_error():
    bins = np.zeros((15, 3))
    bins[14] = [10, 10.0, 10]
    bins[7] = [10, 5.0, 5]
    assert calibration.calibration_error_of(bins) == 0.0


def test_overconfidence_is_the_gap():
    bins = np.zeros((15, 3))
    bins[14] = [10, 9.5, 5]  # confidence 0.95, accuracy 0.5
    assert calibration.calibration_error_of(bins) == pytest.approx(0.45)


def test_gaps_of_both_signs_do_not_cancel():
    bins = np.zeros((15, 3))
    bins[14] = [10, 9.5, 5]
    bins[5] = [10, 3.5, 8]
    assert calibration.calibration_error_of(bins) == pytest.approx(0.45)


def test_no_examples_is_nan():
    assert math.isnan(calibration.calibration_error_of(np.zeros((15, 3))))

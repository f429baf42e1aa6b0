"""TFMA metric: expected calibration error of the predicted class."""

import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from .outcomes import derived_metric

NAME = "expected_calibration_error"


def calibration_error_of(bins: np.ndarray) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv:1706.04599, eq. 3).

    Args:
        bins: float64 [num_bins, 3]: number of examples, sum of confidences, number of hits.

    Returns:
        Mean gap between confidence and accuracy in [0, 1]; NaN without examples. It says how far
        probabilities may be trusted, nothing of how good the classes are.
    """
    total = bins[:, 0].sum()
    return float(np.abs(bins[:, 1] - bins[:, 2]).sum() / total) if total else float("nan")


class ExpectedCalibrationError(metric_types.Metric):
    """Gap between the confidence in the predicted class and its accuracy, over 15 bins."""

    def __init__(self, name: str = NAME):
        super().__init__(derived_metric(lambda found: calibration_error_of(found.confidence)), name=name)


metric_types.register_metric(ExpectedCalibrationError)

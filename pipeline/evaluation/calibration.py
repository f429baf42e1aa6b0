"""TFMA metric: expected calibration error of the predicted class."""

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util

NAME = "expected_calibration_error"
NUM_BINS = 15


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


class _ConfidenceBins(beam.CombineFn):
    """Counts examples, confidences and hits by bin of confidence."""

    def __init__(self, key: metric_types.MetricKey, eval_config: tfma.EvalConfig | None):
        self._key = key
        self._eval_config = eval_config

    def create_accumulator(self) -> np.ndarray:
        return np.zeros((NUM_BINS, 3))

    def add_input(self, accumulator: np.ndarray, element: Any) -> np.ndarray:
        label, probabilities, weight = next(
            metric_util.to_label_prediction_example_weight(
                element,
                eval_config=self._eval_config,
                model_name=self._key.model_name,
                output_name=self._key.output_name,
                example_weighted=self._key.example_weighted,
                flatten=False,
                require_single_example_weight=True,
            )
        )
        actual = int(np.argmax(label)) if label.size > 1 else int(label.item())
        guess = int(np.argmax(probabilities))
        confidence = float(probabilities[guess])
        row = min(int(confidence * NUM_BINS), NUM_BINS - 1)
        accumulator[row] += float(np.asarray(weight).item()) * np.array([1.0, confidence, guess == actual])
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        return np.sum(list(accumulators), axis=0)

    def extract_output(self, accumulator: np.ndarray) -> dict[Any, float]:
        return {self._key: calibration_error_of(accumulator)}


def _calibration_error(
    name: str = NAME,
    eval_config: tfma.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    key = metric_types.MetricKey(
        name=name, model_name=model_name, output_name=output_name, example_weighted=example_weighted
    )
    combiner = _ConfidenceBins(key, eval_config)
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


class ExpectedCalibrationError(metric_types.Metric):
    """Gap between the confidence in the predicted class and its accuracy, over 15 bins."""

    def __init__(self, name: str = NAME):
        super().__init__(metric_util.merge_per_key_computations(_calibration_error), name=name)


metric_types.register_metric(ExpectedCalibrationError)

"""TFMA metric: macro-averaged ROC AUC, one class against the rest.

TFMA's own AUC on a binarised problem keeps a confusion matrix for each of 10,000 thresholds, each class
and each slice: two thirds of the Evaluator's time for ten classes. One histogram a class says the same.
"""

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types, metric_util

NAME = "roc_auc"
NUM_BINS = 4096


def macro_auc_of(counts: np.ndarray) -> float:
    """Mean over classes of the area under the ROC curve.

    Args:
        counts: float [num_classes, 2, num_bins]: examples by bin of the class's probability, others
            in row 0, members of the class in row 1.

    Returns:
        The probability that a member gets more probability than another, ties (the same bin) counted
        as one half (Hanley and McNeil 1982); classes without members or without others are left out,
        NaN where none is left. It ranks, and says nothing of calibration.
    """
    others, members = counts[:, 0], counts[:, 1]
    below = np.cumsum(others, axis=1) - others
    wins = (members * (below + 0.5 * others)).sum(axis=1)
    pairs = members.sum(axis=1) * others.sum(axis=1)
    defined = pairs > 0
    return float((wins[defined] / pairs[defined]).mean()) if defined.any() else float("nan")


class _ProbabilityHistograms(beam.CombineFn):
    """Counts examples by class, membership and bin of probability."""

    def __init__(self, key: metric_types.MetricKey, eval_config: tfma.EvalConfig | None):
        self._key = key
        self._eval_config = eval_config

    def create_accumulator(self) -> np.ndarray | None:
        return None  # the number of classes is known with the first example

    def add_input(self, accumulator: np.ndarray | None, element: Any) -> np.ndarray:
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
        num_classes = len(probabilities)
        if accumulator is None:
            accumulator = np.zeros((num_classes, 2, NUM_BINS))
        classes = np.arange(num_classes)
        actual = int(np.argmax(label)) if label.size > 1 else int(label.item())
        bins = np.minimum((probabilities * NUM_BINS).astype(np.int64), NUM_BINS - 1)
        accumulator[classes, (classes == actual).astype(np.int64), bins] += float(np.asarray(weight).item())
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[np.ndarray | None]) -> np.ndarray | None:
        filled = [accumulator for accumulator in accumulators if accumulator is not None]
        return np.sum(filled, axis=0) if filled else None

    def extract_output(self, accumulator: np.ndarray | None) -> dict[Any, float]:
        return {self._key: float("nan") if accumulator is None else macro_auc_of(accumulator)}


def _macro_auc(
    name: str = NAME,
    eval_config: tfma.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    key = metric_types.MetricKey(
        name=name, model_name=model_name, output_name=output_name, example_weighted=example_weighted
    )
    combiner = _ProbabilityHistograms(key, eval_config)
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


class MacroRocAuc(metric_types.Metric):
    """ROC AUC of each class against the rest, averaged over classes without weights."""

    def __init__(self, name: str = NAME):
        super().__init__(metric_util.merge_per_key_computations(_macro_auc), name=name)


metric_types.register_metric(MacroRocAuc)

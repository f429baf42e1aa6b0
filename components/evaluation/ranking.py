"""TFMA metric: macro-averaged ROC AUC, one class against the rest.

TFMA's own AUC on a binarised problem keeps a confusion matrix for each of 10,000 thresholds, each class
and each slice: two thirds of the Evaluator's time for ten classes. One histogram a class says the same.
"""

import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from .outcomes import derived_metric

NAME = "roc_auc"


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


class MacroRocAuc(metric_types.Metric):
    """ROC AUC of each class against the rest, averaged over classes without weights."""

    def __init__(self, name: str = NAME):
        super().__init__(derived_metric(lambda found: macro_auc_of(found.probability)), name=name)


metric_types.register_metric(MacroRocAuc)

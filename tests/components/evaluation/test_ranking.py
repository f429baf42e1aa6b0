import math

import numpy as np
import pytest
from sklearn import metrics

from tfx_contrastive.components.evaluation import ranking
from tfx_contrastive.components.evaluation.outcomes import Outcomes, Scored


def auc(labels, probabilities):
    rows = [Scored(int(label), row, 1.0) for label, row in zip(labels, probabilities, strict=True)]
    return ranking.macro_auc_of(Outcomes.of(rows).probability)


@pytest.mark.parametrize("seed", range(3))
def test_it_equals_scikit_learn_up_to_the_width_of_a_bin(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 500)
    logits = rng.normal(size=(500, 4)) + 1.5 * np.eye(4)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = metrics.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert auc(labels, probabilities) == pytest.approx(expected, abs=2e-4)


def test_equal_probabilities_are_chance():
    assert auc(np.array([0, 1, 0]), np.full((3, 2), 0.5)) == 0.5


def test_a_class_without_members_is_left_out():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    assert auc(np.array([0, 1]), probabilities) == 1.0


def test_nothing_to_compare_is_nan():
    assert math.isnan(ranking.macro_auc_of(np.zeros((3, 2, 8))))

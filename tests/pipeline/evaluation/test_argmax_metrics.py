import math

import numpy as np
import pytest
from sklearn import metrics

from pipeline.evaluation import argmax_metrics


def counts_of(actual, predicted):
    pairs = list(zip(actual.tolist(), predicted.tolist(), strict=True))
    return {pair: float(pairs.count(pair)) for pair in pairs}


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    actual, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    scores = argmax_metrics.scores_of(counts_of(actual, predicted))
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(actual, predicted, labels=range(4))
    np.testing.assert_allclose([scores["precision"][i] for i in range(4)], precision)
    np.testing.assert_allclose([scores["recall"][i] for i in range(4)], recall)
    np.testing.assert_allclose([scores["f1"][i] for i in range(4)], f1)
    macro = argmax_metrics.macro_f1_of(counts_of(actual, predicted))
    assert macro == pytest.approx(metrics.f1_score(actual, predicted, average="macro"))


def test_a_class_that_is_never_predicted_scores_zero():
    scores = argmax_metrics.scores_of({(0, 0): 3.0, (1, 0): 2.0})
    assert scores["precision"] == {0: 0.6, 1: 0.0}
    assert scores["recall"] == {0: 1.0, 1: 0.0}


def test_macro_f1_leaves_out_classes_that_do_not_occur():
    assert argmax_metrics.macro_f1_of({(0, 0): 4.0, (0, 2): 4.0}) == pytest.approx(2 / 3)


def test_macro_f1_without_examples_is_nan():
    assert math.isnan(argmax_metrics.macro_f1_of({}))

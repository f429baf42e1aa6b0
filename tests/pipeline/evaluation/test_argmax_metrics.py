import math

import numpy as np
import pytest
from sklearn import metrics

from pipeline.evaluation import argmax_metrics


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    actual, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    confusion = metrics.confusion_matrix(actual, predicted).astype(float)
    scores = argmax_metrics.scores_of(confusion)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(actual, predicted, labels=range(4))
    np.testing.assert_allclose(scores["precision"], precision)
    np.testing.assert_allclose(scores["recall"], recall)
    np.testing.assert_allclose(scores["f1"], f1)
    macro = metrics.f1_score(actual, predicted, average="macro")
    assert argmax_metrics.macro_f1_of(confusion) == pytest.approx(macro)
    assert argmax_metrics.accuracy_of(confusion) == metrics.accuracy_score(actual, predicted)


def test_a_class_that_is_never_predicted_scores_zero():
    scores = argmax_metrics.scores_of(np.array([[3.0, 0.0], [2.0, 0.0]]))
    assert scores["precision"].tolist() == [0.6, 0.0]
    assert scores["recall"].tolist() == [1.0, 0.0]


def test_a_class_that_does_not_occur_has_no_score():
    scores = argmax_metrics.scores_of(np.array([[3.0, 0.0], [0.0, 0.0]]))
    assert all(values[0] == 1.0 and math.isnan(values[1]) for values in scores.values())


def test_macro_f1_leaves_out_classes_that_do_not_occur():
    confusion = np.zeros((3, 3))
    confusion[0, [0, 2]] = 4.0
    assert argmax_metrics.macro_f1_of(confusion) == pytest.approx(2 / 3)


def test_nothing_without_examples():
    assert math.isnan(argmax_metrics.macro_f1_of(np.zeros((3, 3))))
    assert math.isnan(argmax_metrics.accuracy_of(np.zeros((3, 3))))

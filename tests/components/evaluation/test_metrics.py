import math

import numpy as np
import pytest
from sklearn import metrics

from tfx_contrastive.components.evaluation import metrics as argmax_metrics


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


# 1,500 good parts and 12 scratched ones: actual in rows, predicted in columns.
ALWAYS_GOOD = np.array([[1500.0, 0.0], [12.0, 0.0]])
WORSE_THAN_ALWAYS_GOOD = np.array([[1490.0, 10.0], [12.0, 0.0]])
FINDS_MOST_SCRATCHES = np.array([[1498.0, 2.0], [3.0, 9.0]])


def test_a_constant_answer_gains_nothing():
    assert argmax_metrics.accuracy_of(ALWAYS_GOOD) == pytest.approx(1500 / 1512)
    assert argmax_metrics.gain_over_majority_of(ALWAYS_GOOD) == 0.0
    assert argmax_metrics.adjusted_balanced_accuracy_of(ALWAYS_GOOD) == 0.0
    assert argmax_metrics.balanced_accuracy_of(ALWAYS_GOOD) == 0.5


def test_gain_over_majority_is_negative_below_a_constant_answer():
    assert argmax_metrics.gain_over_majority_of(WORSE_THAN_ALWAYS_GOOD) == pytest.approx(-10 / 1512)


def test_a_useful_detector_gains():
    assert argmax_metrics.gain_over_majority_of(FINDS_MOST_SCRATCHES) == pytest.approx(7 / 1512)
    recalls = (1498 / 1500 + 9 / 12) / 2
    assert argmax_metrics.adjusted_balanced_accuracy_of(FINDS_MOST_SCRATCHES) == pytest.approx(
        2 * recalls - 1
    )


def test_adjusted_balanced_accuracy_is_not_defined_for_one_class():
    assert math.isnan(argmax_metrics.adjusted_balanced_accuracy_of(np.array([[5.0, 0.0], [0.0, 0.0]])))
    assert math.isnan(argmax_metrics.balanced_accuracy_of(np.zeros((3, 3))))
    assert math.isnan(argmax_metrics.gain_over_majority_of(np.zeros((3, 3))))

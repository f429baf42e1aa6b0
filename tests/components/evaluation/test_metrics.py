import math
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from tfx_contrastive.components.evaluation import metrics as own
from tfx_contrastive.components.evaluation.outcomes import Outcomes, Scored


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    actual, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    confusion = metrics.confusion_matrix(actual, predicted).astype(float)
    scores = own.scores_of(confusion)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(actual, predicted, labels=range(4))
    np.testing.assert_allclose(scores["precision"], precision)
    np.testing.assert_allclose(scores["recall"], recall)
    np.testing.assert_allclose(scores["f1"], f1)
    macro = metrics.f1_score(actual, predicted, average="macro")
    assert own.macro_f1_of(confusion) == pytest.approx(macro)
    assert own.accuracy_of(confusion) == metrics.accuracy_score(actual, predicted)


def test_a_class_that_is_never_predicted_scores_zero() -> None:
    scores = own.scores_of(np.array([[3.0, 0.0], [2.0, 0.0]]))
    assert scores["precision"].tolist() == [0.6, 0.0]
    assert scores["recall"].tolist() == [1.0, 0.0]


def test_a_class_that_does_not_occur_has_no_score() -> None:
    scores = own.scores_of(np.array([[3.0, 0.0], [0.0, 0.0]]))
    assert all(values[0] == 1.0 and math.isnan(values[1]) for values in scores.values())


def test_macro_f1_leaves_out_classes_that_do_not_occur() -> None:
    confusion = np.zeros((3, 3))
    confusion[0, [0, 2]] = 4.0
    assert own.macro_f1_of(confusion) == pytest.approx(2 / 3)


def test_nothing_without_examples() -> None:
    assert math.isnan(own.macro_f1_of(np.zeros((3, 3))))
    assert math.isnan(own.accuracy_of(np.zeros((3, 3))))


# 1,500 good parts and 12 scratched ones: actual in rows, predicted in columns.
ALWAYS_GOOD = np.array([[1500.0, 0.0], [12.0, 0.0]])
WORSE_THAN_ALWAYS_GOOD = np.array([[1490.0, 10.0], [12.0, 0.0]])
FINDS_MOST_SCRATCHES = np.array([[1498.0, 2.0], [3.0, 9.0]])


def test_a_constant_answer_gains_nothing() -> None:
    assert own.accuracy_of(ALWAYS_GOOD) == pytest.approx(1500 / 1512)
    assert own.gain_over_majority_of(ALWAYS_GOOD) == 0.0
    assert own.adjusted_balanced_accuracy_of(ALWAYS_GOOD) == 0.0
    assert own.balanced_accuracy_of(ALWAYS_GOOD) == 0.5


def test_gain_over_majority_is_negative_below_a_constant_answer() -> None:
    assert own.gain_over_majority_of(WORSE_THAN_ALWAYS_GOOD) == pytest.approx(-10 / 1512)


def test_a_useful_detector_gains() -> None:
    assert own.gain_over_majority_of(FINDS_MOST_SCRATCHES) == pytest.approx(7 / 1512)
    recalls = (1498 / 1500 + 9 / 12) / 2
    assert own.adjusted_balanced_accuracy_of(FINDS_MOST_SCRATCHES) == pytest.approx(2 * recalls - 1)


def test_adjusted_balanced_accuracy_is_not_defined_for_one_class() -> None:
    assert math.isnan(own.adjusted_balanced_accuracy_of(np.array([[5.0, 0.0], [0.0, 0.0]])))
    assert math.isnan(own.balanced_accuracy_of(np.zeros((3, 3))))
    assert math.isnan(own.gain_over_majority_of(np.zeros((3, 3))))


def auc(labels: Any, probabilities: Any) -> Any:
    rows = [Scored(int(label), row, 1.0) for label, row in zip(labels, probabilities, strict=True)]
    return own.macro_auc_of(Outcomes.of(rows).probability)


@pytest.mark.parametrize("seed", range(3))
def test_auc_equals_scikit_learn_up_to_the_width_of_a_bin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 500)
    logits = rng.normal(size=(500, 4)) + 1.5 * np.eye(4)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = metrics.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    assert auc(labels, probabilities) == pytest.approx(expected, abs=2e-4)


def test_equal_probabilities_are_chance() -> None:
    assert auc(np.array([0, 1, 0]), np.full((3, 2), 0.5)) == 0.5


def test_a_class_without_members_is_left_out() -> None:
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    assert auc(np.array([0, 1]), probabilities) == 1.0


def test_nothing_to_compare_is_nan() -> None:
    assert math.isnan(own.macro_auc_of(np.zeros((3, 2, 8))))

import dataclasses

import numpy as np
import pytest
from sklearn import metrics

from pipeline.evaluation import outcomes
from pipeline.evaluation.outcomes import Outcomes


@pytest.fixture
def examples():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 3000)
    probabilities = rng.dirichlet(np.ones(5), 3000)
    return labels, probabilities, rng.random(3000)


def equal(one, other):
    for field in dataclasses.fields(Outcomes):
        np.testing.assert_allclose(getattr(one, field.name), getattr(other, field.name), rtol=1e-12)
    return True


def test_sums_are_those_of_scikit_learn_with_weights(examples):
    labels, probabilities, weights = examples
    found = Outcomes.of(*examples)
    guesses = probabilities.argmax(1)
    expected = metrics.confusion_matrix(labels, guesses, sample_weight=weights)
    np.testing.assert_allclose(found.confusion, expected)
    total, confidence, hits = found.confidence.sum(axis=0)
    assert total == pytest.approx(weights.sum())
    assert confidence == pytest.approx((weights * probabilities.max(1)).sum())
    assert hits == pytest.approx(np.trace(expected))
    np.testing.assert_allclose(found.probability.sum(axis=(1, 2)), weights.sum())
    np.testing.assert_allclose(found.probability[:, 1].sum(axis=1), np.bincount(labels, weights))


def test_any_way_of_adding_up_is_the_same(examples):
    combiner = outcomes._AddUp(key="key")
    rows = [(int(label), row, float(weight)) for label, row, weight in zip(*examples, strict=True)]
    accumulators = []
    for part in (rows[:10], rows[10:1500], [], rows[1500:]):
        accumulator = combiner.create_accumulator()
        for row in part:
            accumulator = combiner.add_input(accumulator, row)
        accumulators.append(accumulator)
    merged = combiner.merge_accumulators(accumulators)
    assert equal(combiner.extract_output(merged)["key"], Outcomes.of(*examples))


def test_probability_one_is_in_the_last_bin():
    found = Outcomes.of(np.array([1]), np.array([[0.0, 1.0]]), np.ones(1))
    assert found.confidence[-1].tolist() == [1.0, 1.0, 1.0]
    assert found.probability[1, 1, -1] == 1.0
    assert found.probability[0, 0, 0] == 1.0


def test_a_slice_of_a_thousand_classes_is_small():
    probabilities = np.full((1, 1000), 1e-3)
    assert Outcomes.of(np.array([0]), probabilities, np.ones(1)).probability.nbytes <= 4 * 2**20

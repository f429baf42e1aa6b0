import dataclasses
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from tfx_contrastive.components.evaluation import outcomes
from tfx_contrastive.components.evaluation.metrics import accuracy_of, macro_f1_of, shared_accuracy_of
from tfx_contrastive.components.evaluation.outcomes import Outcomes, Scored


@pytest.fixture
def examples() -> Any:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 3000)
    probabilities = rng.dirichlet(np.ones(5), 3000)
    return labels, probabilities, rng.random(3000)


def scored(labels: Any, probabilities: Any, weights: Any) -> Any:
    return [Scored(int(label), *rest) for label, *rest in zip(labels, probabilities, weights, strict=True)]


def equal(one: Any, other: Any) -> Any:
    assert one.unknown.keys() == other.unknown.keys()
    for label in one.unknown:
        np.testing.assert_allclose(one.unknown[label], other.unknown[label], rtol=1e-12)
    for field in dataclasses.fields(Outcomes):
        if field.name == "unknown":
            continue
        np.testing.assert_allclose(getattr(one, field.name), getattr(other, field.name), rtol=1e-12)
    return True


def test_sums_are_those_of_scikit_learn_with_weights(examples: Any) -> None:
    labels, probabilities, weights = examples
    found = Outcomes.of(scored(*examples))
    guesses = probabilities.argmax(1)
    expected = metrics.confusion_matrix(labels, guesses, sample_weight=weights)
    np.testing.assert_allclose(found.confusion, expected)
    total, confidence, hits = found.confidence.sum(axis=0)
    assert total == pytest.approx(weights.sum())
    assert confidence == pytest.approx((weights * probabilities.max(1)).sum())
    assert hits == pytest.approx(np.trace(expected))
    np.testing.assert_allclose(found.probability.sum(axis=(1, 2)), weights.sum())
    np.testing.assert_allclose(found.probability[:, 1].sum(axis=1), np.bincount(labels, weights))


def test_any_way_of_adding_up_is_the_same(examples: Any) -> None:
    combiner = outcomes._AddUp(key="key")
    labels = np.where(examples[0] == 4, -1, examples[0])  # the model doesn't know two of the classes
    rows = [
        each._replace(label=b"new" if row % 2 else b"newer") if each.actual < 0 else each
        for row, each in enumerate(scored(labels, *examples[1:]))
    ]
    accumulators = []
    for part in (rows[:10], rows[10:1500], [], rows[1500:]):
        accumulator = combiner.create_accumulator()
        for row in part:
            accumulator = combiner.add_input(accumulator, row)
        accumulators.append(accumulator)
    merged = combiner.merge_accumulators(accumulators)
    assert equal(combiner.extract_output(merged)["key"], Outcomes.of(rows))


def test_probability_one_is_in_the_last_bin() -> None:
    found = Outcomes.of([Scored(1, np.array([0.0, 1.0]), 1.0)])
    assert found.confidence[-1].tolist() == [1.0, 1.0, 1.0]
    assert found.probability[1, 1, -1] == 1.0
    assert found.probability[0, 0, 0] == 1.0


def test_a_slice_of_a_thousand_classes_is_small() -> None:
    assert Outcomes.of([Scored(0, np.full(1000, 1e-3), 1.0)]).probability.nbytes <= 4 * 2**20


def test_a_class_that_the_model_does_not_know_is_wrong_for_it() -> None:
    """By hand: the model knows cat and dog; of five images one is a cow and one a hen."""
    cat, dog = np.array([0.9, 0.1]), np.array([0.2, 0.8])
    found = Outcomes.of(
        [
            Scored(0, cat, 1.0),  # a cat, taken for one
            Scored(0, dog, 1.0),  # a cat, taken for a dog
            Scored(1, dog, 1.0),  # a dog, taken for one
            Scored(-1, cat, 1.0, b"cow", is_shared=False, same_classes=False),
            Scored(-1, dog, 1.0, b"hen", is_shared=False, same_classes=False),
        ]
    )
    assert found.confusion.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    assert accuracy_of(found.confusion) == pytest.approx(2 / 5)
    # cat: precision 1/2, recall 1/2; dog: precision 1/3, recall 1; cow and hen: 0
    assert macro_f1_of(found.confusion) == pytest.approx((1 / 2 + 1 / 2 + 0 + 0) / 4)
    assert shared_accuracy_of(found.shared) == pytest.approx(2 / 3)
    total, _, hits = found.confidence.sum(axis=0)
    assert (total, hits) == (5, 2)
    assert found.probability[:, 1].sum(axis=1).tolist() == [2, 1]
    assert not found.same_classes

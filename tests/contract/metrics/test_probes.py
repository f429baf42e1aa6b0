"""The probes against a loop over queries and at data whose answer is known."""

from typing import Any

import numpy as np
import pytest

from tfx_contrastive.contract.metrics.probes import LinearProbe, knn_accuracy, knn_probe


def predict_by_loop(train: Any, labels: Any, queries: Any, k: Any, temperature: Any) -> list[Any]:
    """Section 3.4 of Wu et al., one query at a time."""
    predicted = []
    for query in queries:
        cosine = [query @ x / np.linalg.norm(query) / np.linalg.norm(x) for x in train]
        nearest = sorted(range(len(train)), key=lambda i: -cosine[i])[:k]
        votes = np.zeros(max(labels) + 1)
        for i in nearest:
            votes[labels[i]] += np.exp(cosine[i] / temperature)
        predicted.append(votes.argmax())
    return predicted


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.07), (7, 0.07), (20, 1.0), (500, 0.1)])
def test_knn_equals_the_loop(k: int, temperature: float) -> None:
    rng = np.random.default_rng(1)
    train, labels, queries = (
        rng.normal(size=(60, 4)),
        rng.integers(0, 5, size=60),
        rng.normal(size=(30, 4)),
    )
    expected = predict_by_loop(train, labels, queries, k, temperature)
    assert knn_probe((train, labels), queries, k, temperature).tolist() == expected


def test_a_low_temperature_does_not_overflow_and_leaves_the_nearest_neighbor() -> None:
    rng = np.random.default_rng(2)
    bank = rng.normal(size=(60, 4)).astype(np.float32), rng.integers(0, 5, size=60)
    queries = rng.normal(size=(9, 4)).astype(np.float32)
    np.testing.assert_array_equal(knn_probe(bank, queries, 10, 1e-4), knn_probe(bank, queries, 1, 1.0))


def test_more_queries_than_a_block_and_none() -> None:
    queries = np.random.default_rng(4).integers(0, 3, size=2_500)
    assert knn_accuracy((np.eye(3), np.arange(3)), (np.eye(3)[queries], queries), 1, 0.1) == 1.0
    assert knn_probe((np.eye(3), np.arange(3)), np.zeros([0, 3]), 1, 0.1).tolist() == []


def test_knn_accuracy_is_the_share_of_hits_and_an_unknown_class_is_none() -> None:
    bank = (np.eye(2), np.array([0, 1]))
    assert knn_accuracy(bank, (np.eye(2)[[0, 0, 1, 1]], np.array([0, 1, 1, 1])), 1, 0.1) == 0.75
    assert knn_accuracy(bank, (np.eye(2), np.array([-1, 1])), 1, 0.1) == 0.5


@pytest.mark.parametrize(
    ("labels", "k", "temperature", "message"),
    [
        ([0, -1], 1, 0.1, "leave unlabeled images"),
        ([0.0, 1.0], 1, 0.1, "expected integers from 0"),
        ([0], 1, 0.1, r"shape \(1,\) for 2"),
        ([], 1, 0.1, "at least one neighbor"),
        ([0, 1], 0, 0.1, "k=0"),
        ([0, 1], 1, 0.0, r"temperature=0.0; expected positive"),
    ],
)
def test_knn_refuses_what_has_no_meaning(labels: list[Any], k: int, temperature: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        knn_probe((np.eye(2), np.array(labels)), np.eye(2), k, temperature)


def test_knn_accuracy_refuses_an_empty_set_of_queries() -> None:
    with pytest.raises(ValueError, match="at least one query"):
        knn_accuracy((np.eye(2), np.array([0, 1])), (np.zeros([0, 2]), np.zeros([0], int)), 1, 0.1)


def test_the_linear_probe_separates_what_is_linear() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = 4 * np.eye(3, 10)[labels] + rng.normal(size=[300, 10])
    probe = LinearProbe(features[:150], labels[:150], seed=0)
    assert probe.accuracy(features[150:], labels[150:]) > 0.95
    hits = probe.predict(features[150:]) == labels[150:]
    assert hits.mean() == probe.accuracy(features[150:], labels[150:])


def test_the_linear_probe_takes_one_image_per_class() -> None:
    assert LinearProbe(np.eye(3), np.arange(3), seed=0).predict(np.eye(3)).tolist() == [0, 1, 2]

import numpy as np
import pytest

from tfx_contrastive.trainer_module.metrics.knn_probe import knn_accuracy, knn_probe


def reference(train, labels, queries, k, temperature):
    """Section 3.4 of Wu et al., one query at a time."""
    predicted = []
    for query in queries:
        cosine = [query @ x / np.linalg.norm(query) / np.linalg.norm(x) for x in train]
        nearest = sorted(range(len(train)), key=lambda i: -cosine[i])[:k]
        votes = np.zeros(max(labels) + 1)
        for i in nearest:
            votes[labels[i]] += np.exp(cosine[i] / temperature)
        predicted.append(votes.argmax())
    return np.array(predicted)


@pytest.mark.parametrize(("k", "temperature"), [(1, 0.07), (7, 0.07), (20, 1.0), (500, 0.1)])
def test_equals_the_reference(k, temperature):
    rng = np.random.default_rng(1)
    train, labels = rng.normal(size=(60, 4)), rng.integers(0, 5, size=60)
    queries = rng.normal(size=(30, 4))
    np.testing.assert_array_equal(
        knn_probe(train, labels, queries, k, temperature), reference(train, labels, queries, k, temperature)
    )


def test_low_temperature_does_not_overflow_and_is_the_nearest_neighbour():
    rng = np.random.default_rng(2)
    train, labels, queries = rng.normal(size=(60, 4)), rng.integers(0, 5, size=60), rng.normal(size=(9, 4))
    np.testing.assert_array_equal(
        knn_probe(train, labels, queries, 10, 1e-4), knn_probe(train, labels, queries, 1, 1.0)
    )


def test_more_queries_than_a_block():
    rng = np.random.default_rng(4)
    labels = np.arange(3)
    queries = rng.integers(0, 3, size=2500)
    assert knn_accuracy((np.eye(3), labels), (np.eye(3)[queries], queries), 1, 0.1) == 1.0


def test_accuracy_is_the_share_of_hits():
    train = (np.eye(2), np.array([0, 1]))
    assert knn_accuracy(train, (np.eye(2)[[0, 0, 1, 1]], np.array([0, 1, 1, 1])), 1, 0.1) == 0.75


@pytest.mark.parametrize(
    ("labels", "k", "temperature", "message"),
    [
        ([0, -1], 1, 0.1, "leave unlabelled images"),
        ([0], 1, 0.1, r"shape \(1,\) for 2"),
        ([0, 1], 0, 0.1, "k is 0"),
        ([0, 1], 1, 0.0, "temperature is 0"),
    ],
)
def test_refuses_what_has_no_meaning(labels, k, temperature, message):
    with pytest.raises(ValueError, match=message):
        knn_probe(np.eye(2), np.array(labels), np.eye(2), k, temperature)


def test_accuracy_refuses_an_empty_test_set():
    with pytest.raises(ValueError, match="at least one"):
        knn_accuracy((np.eye(2), np.array([0, 1])), (np.zeros([0, 2]), np.zeros([0], int)), 1, 0.1)

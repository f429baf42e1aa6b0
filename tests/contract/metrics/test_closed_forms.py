"""The metrics at ties, at values that are not finite, and at closed forms."""

import itertools
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from tfx_contrastive.contract.metrics import label_free
from tfx_contrastive.contract.metrics.probes import LinearProbe, knn_accuracy, knn_probe


def points(seed: int, num: int = 12, dim: int = 5) -> Any:
    return np.random.default_rng(seed).normal(size=(num, dim))


def test_vectors_keep_double_precision_and_only_that() -> None:
    dtypes = [np.float64, np.float32, np.float16, np.int64]
    assert [label_free.normalized(np.eye(2, dtype=dtype)).dtype for dtype in dtypes] == [
        np.float64,
        *[np.float32] * 3,
    ]


def test_the_effective_rank_of_a_simplex_is_the_greatest() -> None:
    assert label_free.effective_rank(np.eye(6)) == pytest.approx(5)
    assert label_free.effective_rank(np.eye(6)[:2]) == pytest.approx(1)


def test_an_image_that_is_there_twice_shares_the_second_rank() -> None:
    views = np.eye(4)[[0, 0, 1, 2]]
    assert label_free.reciprocal_ranks(views, views).tolist() == [0.5, 0.5, 1, 1]
    assert label_free.contrastive_accuracy(views, views) == 0.5


def test_an_image_that_is_not_finite_has_a_rank_all_the_same() -> None:
    broken = np.eye(3)
    broken[0] = np.nan
    assert label_free.reciprocal_ranks(broken, np.eye(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("labels", list(itertools.permutations([1, 2, 4])))
def test_of_tied_labels_the_lowest_is_predicted(labels: tuple[int, ...]) -> None:
    assert knn_probe((np.ones([3, 2]), np.array(labels)), np.ones([1, 2]), 3, 0.1).tolist() == [1]


def test_near_neighbors_outvote_many_far_ones_at_a_low_temperature_only() -> None:
    bank = np.array([[1.0, 0.0], [0.6, 0.8], [0.6, 0.8]]), np.array([1, 0, 0])
    query = np.array([[1.0, 0.0]])
    # exp(0.4 / t) against 2: the vote turns at t = 0.4 / ln 2 = 0.577.
    assert [knn_probe(bank, query, 3, t).item() for t in (0.57, 0.585)] == [1, 0]


@pytest.mark.parametrize("temperature", [float("nan"), float("inf"), -1.0])
def test_a_temperature_without_meaning_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match=f"temperature={temperature}; expected positive numbers"):
        knn_probe((np.eye(2), np.arange(2)), np.eye(2), 1, temperature)


def test_knn_accuracy_needs_a_label_for_each_query() -> None:
    with pytest.raises(ValueError, match="Received 2 queries and 3 labels; expected one label per query"):
        knn_accuracy((np.eye(2), np.arange(2)), (np.eye(2), np.arange(3)), 1, 0.1)


def test_the_linear_probe_standardizes_and_is_the_same_twice() -> None:
    labels = np.repeat(np.arange(3), 20)
    features = np.eye(3, 5)[labels] + 0.8 * points(3, 60)
    probe = LinearProbe(features, labels, seed=1)
    scaled = StandardScaler().fit_transform(features)
    expected = probe.predict(features)
    assert 0.5 < probe.accuracy(features, labels) < 1
    for again in (features, scaled, 100 * features - 7):
        np.testing.assert_array_equal(LinearProbe(again, labels, seed=1).predict(again), expected)

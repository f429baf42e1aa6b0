"""The label-free metrics against loops and closed forms, and at the encoders that they expose."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_contrastive.contract.metrics.label_free import (
    alignment,
    contrastive_accuracy,
    effective_rank,
    embedding_std,
    normalized,
    reciprocal_ranks,
    uniformity,
    view_retrieval,
)

AXES = np.concatenate([np.eye(8), -np.eye(8)])
CONSTANT = np.full([50, 8], 0.3)


def unit(z: Any) -> Any:
    return z / np.linalg.norm(z, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def two_views() -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    z_a = rng.normal(size=(40, 6)) * [3, 2, 1, 1, 0.5, 0.1]
    return z_a, z_a + 0.6 * rng.normal(size=z_a.shape)


def test_rows_become_unit_vectors_and_zeros_stay() -> None:
    rows = normalized(np.array([[3.0, 4.0], [0.0, 0.0]], np.float16))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
    assert np.isnan(normalized(np.array([[np.nan, 1.0]]))).all()


def test_a_row_of_numbers_is_no_matrix() -> None:
    with pytest.raises(ValueError, match=r"Received vectors of shape \(3,\); expected \[N, D\]"):
        effective_rank(np.ones(3))


def test_effective_rank_is_the_entropy_of_the_spectrum(two_views: tuple[Any, Any]) -> None:
    z = unit(two_views[0])
    for rows in (z, z[:4]):  # more rows than columns, and fewer
        variances = np.square(np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False))
        shares = variances[variances > 1e-12] / variances.sum()
        assert effective_rank(rows) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_effective_rank_exposes_collapse() -> None:
    line = np.random.default_rng(0).normal(size=(50, 1)) * np.ones([1, 8])
    assert effective_rank(line) == pytest.approx(1, abs=1e-6)
    assert effective_rank(CONSTANT) == 0
    assert effective_rank(AXES) == pytest.approx(8)
    assert effective_rank(np.pad(AXES, [(0, 0), (0, 11)])) == pytest.approx(8)


def test_embedding_std(two_views: tuple[Any, Any]) -> None:
    z = unit(two_views[0])
    assert embedding_std(two_views[0]) == pytest.approx(z.std(axis=0).mean() * np.sqrt(6))
    assert embedding_std(CONSTANT) == pytest.approx(0, abs=1e-6)
    assert embedding_std(AXES) == pytest.approx(1)


def test_uniformity_is_the_log_mean_potential_of_pairs(two_views: tuple[Any, Any]) -> None:
    potentials = [
        np.exp(-2 * np.square(x - y).sum()) for x, y in itertools.combinations(unit(two_views[0]), 2)
    ]
    assert uniformity(two_views[0]) == pytest.approx(np.log(np.mean(potentials)))


@pytest.mark.parametrize(
    ("points", "expected"),
    [(np.array([[1.0, 0.0], [-1.0, 0.0]]), -8), (np.eye(7), -4), (CONSTANT, 0)],
    ids=["opposite", "orthonormal", "constant"],
)
def test_uniformity_has_closed_forms(points: Any, expected: int) -> None:
    assert uniformity(points) == pytest.approx(expected, abs=1e-9)


def test_alignment_is_the_mean_squared_distance(two_views: tuple[Any, Any]) -> None:
    a, b = map(unit, two_views)
    assert alignment(*two_views) == pytest.approx(np.square(a - b).sum(axis=1).mean())
    assert alignment(np.eye(3), np.eye(3)) == 0
    assert alignment(np.eye(3), -np.eye(3)) == pytest.approx(4)


def test_view_retrieval_is_one_for_itself_and_lowest_for_a_constant() -> None:
    points = np.random.default_rng(1).normal(size=[40, 16]).astype(np.float32)
    assert view_retrieval(points, points) == 1.0
    assert view_retrieval(CONSTANT, CONSTANT) == pytest.approx(1 / 50)


def test_reciprocal_ranks_against_a_loop(two_views: tuple[Any, Any]) -> None:
    a, b = map(unit, two_views)
    ranks = [sum(b[i] @ other >= b[i] @ a[i] for other in a) for i in range(len(a))]
    assert max(ranks) > 1
    np.testing.assert_allclose(reciprocal_ranks(*two_views), 1 / np.array(ranks))


def test_contrastive_accuracy_counts_anchors_that_find_their_positive(two_views: tuple[Any, Any]) -> None:
    z, num = unit(np.concatenate(two_views)), len(two_views[0])
    hits = 0
    for i in range(2 * num):
        positive = (i + num) % (2 * num)
        hits += z[i] @ z[positive] > max(z[i] @ z[k] for k in range(2 * num) if k not in (i, positive))
    assert 0 < hits < 2 * num
    assert contrastive_accuracy(*two_views) == pytest.approx(hits / (2 * num))


def test_contrastive_accuracy_of_identical_views_is_one_and_of_a_constant_encoder_zero() -> None:
    assert contrastive_accuracy(np.eye(5), np.eye(5)) == 1
    assert contrastive_accuracy(np.ones([5, 3]), np.ones([5, 3])) == 0


@pytest.mark.parametrize("metric", [uniformity, effective_rank, embedding_std])
@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_lengths_of_rows_do_not_matter(metric: Any, scale: Any, seed: Any) -> None:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(12, 5))
    lengths = rng.uniform(0.1, 10, size=(12, 1))
    assert metric(scale * lengths * z) == pytest.approx(metric(z), rel=1e-6)


@pytest.mark.parametrize("metric", [uniformity, effective_rank, embedding_std])
def test_half_precision_changes_little(metric: Any, two_views: tuple[Any, Any]) -> None:
    assert metric(two_views[0].astype(np.float16)) == pytest.approx(metric(two_views[0]), rel=1e-2)

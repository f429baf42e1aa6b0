from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from tfx_contrastive.trainer_module.config import SelfTrainingConfig
from tfx_contrastive.trainer_module.head.pseudo_labels import (
    align,
    guess_classes,
    neighbor_graph,
    spread_labels,
)

# Two groups of directions, each along a circle of its own.
ANGLES = np.concatenate([np.linspace(0.0, 0.5, 6), np.linspace(2.0, 2.5, 6)])
VECTORS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)


def test_the_graph_joins_neighbors_by_the_third_power_of_their_cosine() -> None:
    graph = neighbor_graph(3.0 * VECTORS, 2).toarray()
    cosine = VECTORS @ VECTORS.T
    np.fill_diagonal(cosine, -2.0)
    nearest = np.argsort(-cosine, axis=1)[:, :2]
    joined = np.zeros_like(cosine, bool)
    joined[np.arange(12)[:, None], nearest] = True
    expected = np.where(joined | joined.T, np.maximum(cosine, 0.0) ** 3, 0.0)
    np.testing.assert_allclose(graph, expected, rtol=1e-4)
    np.testing.assert_array_equal(graph[:6, 6:], 0.0)


def test_spreading_solves_the_equation_of_zhou_et_al() -> None:
    """F = (1 - a) (I - a D^-1/2 W D^-1/2)^-1 Y, its rows brought to a sum of 1."""
    labels = np.full(12, -1)
    labels[[0, 6]] = [1, 0]
    graph = neighbor_graph(VECTORS, 3)
    weights = graph.toarray()
    scale = 1.0 / np.sqrt(weights.sum(axis=1))
    start = np.zeros((12, 2))
    start[[0, 6], [1, 0]] = 1.0
    solved = np.linalg.solve(np.eye(12) - 0.7 * scale[:, None] * weights * scale, start)
    expected = solved / solved.sum(axis=1, keepdims=True)
    spread = spread_labels(graph, labels, 2, alpha=0.7)
    np.testing.assert_allclose(spread, expected, atol=1e-3)
    np.testing.assert_array_equal(spread.argmax(axis=1), [1] * 6 + [0] * 6)


def test_an_image_that_no_label_reaches_may_be_anything() -> None:
    labels = np.full(12, -1)
    labels[[0, 1]] = [0, 1]  # both in the first group
    spread = spread_labels(neighbor_graph(VECTORS, 3), labels, 2, alpha=0.9)
    np.testing.assert_allclose(spread[6:], 0.5)
    assert np.all(spread[:6].max(axis=1) > 0.5)


@pytest.mark.parametrize("num_neighbors", [3, 50])
def test_more_neighbors_than_images_are_all_of_them(num_neighbors: Any) -> None:
    graph = neighbor_graph(VECTORS[:4], num_neighbors)
    assert graph.shape == (4, 4)
    assert graph.nnz == 12
    np.testing.assert_array_equal(graph.diagonal(), 0.0)


LOGITS = np.array([[10, 0, 0], [9, 8, 0], [0, 0, 7], [8, 7, 7]], np.float32)
LABELS = np.array([0, 1, 2, -1])
H = np.eye(4, dtype=np.float32)


def config(**changes: Any) -> SelfTrainingConfig:
    return SelfTrainingConfig(**{"align_shares": False, "num_neighbors": 0, **changes})


def test_guesses_are_the_softmax_at_the_temperature() -> None:
    guesses, trust = guess_classes(LOGITS, H, LABELS, config(temperature=2.0))
    expected = softmax(LOGITS / 2.0, axis=1)
    np.testing.assert_allclose(guesses, expected, rtol=1e-5)
    entropy = -np.sum(expected * np.log(expected), axis=1)
    np.testing.assert_allclose(trust, 1.0 - entropy / np.log(3.0), rtol=1e-4)


def test_unsure_guesses_weigh_nothing() -> None:
    _, trust = guess_classes(LOGITS, H, LABELS, config(min_confidence=0.7))
    sure = softmax(LOGITS, axis=1).max(axis=1) >= 0.7
    np.testing.assert_array_equal(trust > 0, sure)
    assert set(sure) == {True, False}


def test_alignment_makes_guesses_as_frequent_as_labels() -> None:
    shares = np.array([0.2, 0.5, 0.3])
    random = np.random.default_rng(0)
    aligned = align(softmax(random.normal(size=(500, 3)), axis=1), shares)
    np.testing.assert_allclose(aligned.mean(axis=0), shares, atol=1e-3)
    np.testing.assert_allclose(aligned.sum(axis=1), 1.0, rtol=1e-5)


def test_alignment_of_aligned_guesses_changes_nothing() -> None:
    guesses = np.array([[0.7, 0.3], [0.3, 0.7]])
    np.testing.assert_allclose(align(guesses, np.array([0.5, 0.5])), guesses, rtol=1e-6)


def test_neighbors_overrule_a_teacher_that_does_not_know() -> None:
    """Two clusters with one label each; the teacher says nothing of the others."""
    random = np.random.default_rng(1)
    sides = np.repeat([0, 1], 50)
    h = (10.0 * np.eye(2)[sides] + random.normal(size=(100, 2))).astype(np.float32)
    labels = np.full(100, -1)
    labels[[0, 50]] = [0, 1]
    guesses, trust = guess_classes(np.zeros((100, 2), np.float32), h, labels, config(num_neighbors=5))
    np.testing.assert_array_equal(guesses.argmax(axis=1), sides)
    assert np.all((trust >= 0) & (trust <= 1))
    assert trust.mean() > 0.5


def test_whitening_lets_a_quiet_direction_tell_classes_apart() -> None:
    """The classes differ along a direction of little variance; a loud one, and rounding, say nothing."""
    random = np.random.default_rng(2)
    sides = np.repeat([0, 1], 150)
    loud = 50.0 * random.normal(size=(300, 4))
    quiet = 4.0 * sides[:, np.newaxis] + random.normal(size=(300, 1))
    h = np.hstack([loud @ random.normal(size=(4, 6)) + quiet, 1e-9 * random.normal(size=(300, 2))])
    labels = np.full(300, -1)
    labels[[0, 1, 2, 150, 151, 152]] = [0, 0, 0, 1, 1, 1]
    found = {
        dims: guess_classes(
            np.zeros((300, 2), np.float32),
            h.astype(np.float32),
            labels,
            config(num_neighbors=10, whitened_dims=dims, align_shares=True),
        )[0].argmax(axis=1)
        for dims in (0, 64)
    }
    assert np.mean(found[64] == sides) > 0.9
    assert np.mean(found[64] == sides) > np.mean(found[0] == sides) + 0.1


def test_representations_that_do_not_vary_leave_the_guess_to_the_classifier() -> None:
    guesses, _ = guess_classes(
        LOGITS, np.ones((4, 8), np.float32), LABELS, config(num_neighbors=2, whitened_dims=8)
    )
    np.testing.assert_array_equal(guesses[:3].argmax(axis=1), LABELS[:3])
    assert np.all(np.isfinite(guesses))

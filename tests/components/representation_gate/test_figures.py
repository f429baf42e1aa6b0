"""The figures against closed forms."""

import numpy as np
import pytest

from tfx_contrastive.components.representation_gate import figures

RANDOM = np.random.default_rng(0)


def on_sphere(rows, columns):
    values = RANDOM.normal(size=[rows, columns])
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def test_effective_rank_counts_equally_used_directions():
    signs = np.concatenate([np.eye(5), -np.eye(5)])
    assert figures.effective_rank(np.pad(signs, [(0, 0), (0, 11)])) == pytest.approx(5.0)


def test_effective_rank_of_a_line_is_one_and_of_a_point_zero():
    line = np.linspace(-1, 1, 50)[:, None] * np.ones([1, 8])
    assert figures.effective_rank(line) == pytest.approx(1.0, abs=1e-6)
    assert figures.effective_rank(np.ones([50, 8])) == 0.0


def test_embedding_std_is_one_on_the_sphere_and_zero_at_a_point():
    assert figures.embedding_std(on_sphere(5_000, 64)) == pytest.approx(1.0, abs=0.02)
    assert figures.embedding_std(np.tile(on_sphere(1, 64), [100, 1])) == pytest.approx(0.0, abs=1e-6)


def test_uniformity_of_opposite_points():
    """Two opposite points: each pair is at squared distance 4, hence log exp(-8)."""
    assert figures.uniformity(np.array([[1.0, 0.0], [-1.0, 0.0]])) == pytest.approx(-8.0)
    assert figures.uniformity(np.tile([[0.6, 0.8]], [10, 1])) == pytest.approx(0.0)


def test_uniformity_against_a_loop_over_pairs():
    points = on_sphere(30, 5)
    pairs = [np.exp(-2 * np.sum((a - b) ** 2)) for i, a in enumerate(points) for b in points[:i]]
    assert figures.uniformity(points) == pytest.approx(np.log(np.mean(pairs)), rel=1e-5)


def test_alignment_is_the_mean_squared_distance():
    points = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert figures.alignment(points, points) == 0.0
    assert figures.alignment(points, -points) == 4.0


def test_view_retrieval_is_one_for_itself_and_lowest_for_a_constant():
    points = on_sphere(40, 16)
    assert figures.view_retrieval(points, points) == 1.0
    constant = np.tile(points[:1], [40, 1])
    assert figures.view_retrieval(constant, constant) == pytest.approx(1 / 40)


def test_knn_against_a_loop():
    bank, queries = on_sphere(60, 8), on_sphere(25, 8)
    bank_labels, query_labels = RANDOM.integers(0, 4, 60), RANDOM.integers(0, 4, 25)
    k, temperature, correct = 7, 0.1, 0
    for query, label in zip(queries, query_labels, strict=True):
        votes = np.zeros(4)
        for neighbour in np.argsort(-(bank @ query))[:k]:
            votes[bank_labels[neighbour]] += np.exp(bank[neighbour] @ query / temperature)
        correct += votes.argmax() == label
    accuracy = figures.knn_accuracy((bank, bank_labels), (queries, query_labels), k, temperature)
    assert accuracy == pytest.approx(correct / 25)


def test_knn_survives_a_bank_smaller_than_k_and_a_tiny_temperature():
    bank = np.eye(3, dtype=np.float32), np.arange(3)
    assert figures.knn_accuracy(bank, bank, 20, 1e-3) == 1.0


def test_linear_probe_separates_what_is_linear():
    centres = 4 * on_sphere(3, 10)
    labels = RANDOM.integers(0, 3, 300)
    features = centres[labels] + RANDOM.normal(size=[300, 10])
    probe = figures.LinearProbe(features[:150], labels[:150], seed=0)
    assert probe.accuracy(features[150:], labels[150:]) > 0.95


def test_linear_probe_takes_one_image_a_class():
    probe = figures.LinearProbe(np.eye(3), np.arange(3), seed=0)
    assert probe.accuracy(np.eye(3), np.arange(3)) == 1.0

import numpy as np
import pytest

from tfx_contrastive.trainer_module.head.label_propagation import neighbor_graph, spread_labels

# Two groups of directions, each along a circle of its own.
ANGLES = np.concatenate([np.linspace(0.0, 0.5, 6), np.linspace(2.0, 2.5, 6)])
VECTORS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)


def test_the_graph_joins_neighbours_by_the_third_power_of_their_cosine():
    graph = neighbor_graph(3.0 * VECTORS, 2).toarray()
    cosine = VECTORS @ VECTORS.T
    np.fill_diagonal(cosine, -2.0)
    nearest = np.argsort(-cosine, axis=1)[:, :2]
    joined = np.zeros_like(cosine, bool)
    joined[np.arange(12)[:, None], nearest] = True
    expected = np.where(joined | joined.T, np.maximum(cosine, 0.0) ** 3, 0.0)
    np.testing.assert_allclose(graph, expected, rtol=1e-4)
    np.testing.assert_array_equal(graph[:6, 6:], 0.0)


def test_spreading_solves_the_equation_of_zhou_et_al():
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


def test_an_image_that_no_label_reaches_may_be_anything():
    labels = np.full(12, -1)
    labels[[0, 1]] = [0, 1]  # both in the first group
    spread = spread_labels(neighbor_graph(VECTORS, 3), labels, 2, alpha=0.9)
    np.testing.assert_allclose(spread[6:], 0.5)
    assert np.all(spread[:6].max(axis=1) > 0.5)


@pytest.mark.parametrize("num_neighbors", [3, 50])
def test_more_neighbours_than_images_are_all_of_them(num_neighbors):
    graph = neighbor_graph(VECTORS[:4], num_neighbors)
    assert graph.shape == (4, 4)
    assert graph.nnz == 12
    np.testing.assert_array_equal(graph.diagonal(), 0.0)

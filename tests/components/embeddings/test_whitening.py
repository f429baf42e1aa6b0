from typing import Any

import numpy as np
import pytest

from tfx_contrastive.components.embeddings import whitening


def fit(batches: Any, ridge: float) -> whitening.Whitening:
    fitted = whitening.fit(batches, ridge)
    assert fitted is not None
    return fitted


def embeddings(num: int = 4000, seed: int = 0) -> Any:
    """Vectors of length 1 whose first two directions hold nearly all of the variance."""
    random = np.random.default_rng(seed)
    spread = np.array([5.0, 3.0, 0.5, 0.4, 0.3, 0.2])
    vectors = random.normal(size=(num, 6)) * spread + 1.0
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_whitened_vectors_vary_alike_in_every_direction() -> None:
    vectors = embeddings()
    fitted = fit([vectors], ridge=1e-6)
    covariance = np.cov(((vectors - fitted.mean) @ fitted.matrix).T)
    np.testing.assert_allclose(covariance, np.eye(6), atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(fitted.apply(vectors), axis=1), 1.0, atol=1e-5)


def test_the_matrix_is_that_of_the_formula() -> None:
    vectors = embeddings().astype(np.float64)
    fitted = fit([vectors], ridge=0.3)
    covariance = np.cov(vectors.T, bias=True)
    shrunk = covariance + 0.3 * np.trace(covariance) / 6 * np.eye(6)
    np.testing.assert_allclose(fitted.matrix @ shrunk @ fitted.matrix, np.eye(6), atol=1e-4)
    np.testing.assert_allclose(fitted.mean, vectors.mean(axis=0), atol=1e-6)


def test_a_large_ridge_only_centers() -> None:
    vectors = embeddings()
    centered = vectors - vectors.mean(axis=0)
    centered /= np.linalg.norm(centered, axis=1, keepdims=True)
    np.testing.assert_allclose(fit([vectors], ridge=1e6).apply(vectors), centered, atol=1e-4)


def test_batches_do_not_matter() -> None:
    vectors = embeddings()
    whole, parts = fit([vectors], 0.1), fit(np.array_split(vectors, 7), 0.1)
    np.testing.assert_allclose(parts.matrix, whole.matrix, rtol=1e-4, atol=1e-4)
    assert (parts.num_vectors, whole.num_vectors) == (4000, 4000)


@pytest.mark.parametrize("vectors", [np.zeros([0, 4]), np.ones([1, 4]) / 2, np.ones([50, 4]) / 2])
def test_what_does_not_vary_is_not_whitened(vectors: Any) -> None:
    assert whitening.fit([vectors.astype(np.float32)], 0.1) is None


def test_a_quiet_direction_decides_who_is_near_once_whitened() -> None:
    """Pairs are similar in directions of small variance and differ at random in those of large variance."""
    random = np.random.default_rng(1)
    things = 0.3 * random.normal(size=(200, 4))
    vectors = np.concatenate(
        [
            np.hstack([3 * random.normal(size=(200, 2)), things + 0.02 * random.normal(size=(200, 4))])
            for _ in range(2)
        ]
    )
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def found(space: Any) -> Any:
        similarity = space @ space.T
        np.fill_diagonal(similarity, -1)
        nearest = np.argpartition(-similarity, 10, axis=1)[:, :10]
        return (nearest == (np.arange(400)[:, None] + 200) % 400).any(axis=1).mean()

    assert found(fit([vectors], 0.01).apply(vectors)) > found(vectors) + 0.1

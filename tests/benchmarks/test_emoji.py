import numpy as np
import pytest
import scipy.linalg

from benchmarks.emoji import __main__ as emoji
from tfx_contrastive.components.embedding_gen.config import EmbeddingConfig


def test_a_query_is_found_by_another_of_its_name_among_the_ten_nearest_and_not_by_itself() -> None:
    # 30 images on an arc of a circle, one degree apart: the ten nearest of the first are those beside it.
    angles = np.radians(np.arange(30.0))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    names = np.array([f"thing {row}" for row in range(30)])
    assert not emoji.found(vectors, names).any()
    names[10] = names[0]
    assert np.flatnonzero(emoji.found(vectors, names)).tolist() == [0]  # 10 has nearer ones on both sides
    names[11], names[10] = names[0], "thing 10"
    assert not emoji.found(vectors, names).any()


def test_whitened_as_search_compares() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 4)) + 3
    ridge = EmbeddingConfig().whitening_ridge
    centered = vectors - vectors.mean(axis=0)
    covariance = np.cov(vectors.T, bias=True)
    shrunk = covariance + ridge * np.trace(covariance) / 4 * np.eye(4)
    expected = centered @ scipy.linalg.fractional_matrix_power(shrunk, -0.5)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(emoji.whitened(vectors, ridge), expected, atol=1e-4)
    with pytest.raises(ValueError, match="do not vary"):
        emoji.whitened(np.ones((5, 4)), ridge)


def test_the_interval_draws_names() -> None:
    names = np.repeat([f"thing {row}" for row in range(100)], 5)
    hits = np.repeat(np.arange(100) < 60, 5)
    low, high = emoji.interval(hits, names)
    # As of 100 things, not of 500 images.
    assert low == pytest.approx(0.6 - 1.96 * np.sqrt(0.24 / 100), abs=0.02)
    assert high == pytest.approx(0.6 + 1.96 * np.sqrt(0.24 / 100), abs=0.02)
    paired = emoji.interval(hits.astype(float) - ~hits, names)  # +1 for 60 things, -1 for 40
    assert paired == pytest.approx((2 * low - 1, 2 * high - 1))


def test_pixels_are_means_over_cells() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    (_, colors), (_, gray) = emoji.pixel_baselines(images)
    assert (colors.shape, gray.shape) == ((2, 192), (2, 256))
    np.testing.assert_allclose(colors[1, 24:27], images[1, 6:12, :6].mean(axis=(0, 1)))
    luma = images[1, :3, 3:6] @ np.array([0.299, 0.587, 0.114])
    assert gray[1, 1] == pytest.approx(luma.mean())

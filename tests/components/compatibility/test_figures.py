from typing import Any

import numpy as np
import pytest

from tfx_contrastive.components.compatibility.judgment import cross_overlap, linear_cka, neighbor_overlap


def unit(values: Any) -> Any:
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def vectors() -> Any:
    return unit(np.random.default_rng(0).normal(size=(300, 12)))


def rotation(dim: Any, seed: Any) -> Any:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0].astype(np.float32)


def naive_overlap(queries: Any, vectors: Any, other_queries: Any, other_vectors: Any, k: Any) -> Any:
    shares = []
    for row in range(len(queries)):
        sets = []
        for q, v in ((queries, vectors), (other_queries, other_vectors)):
            order = [each for each in np.argsort(-(v @ q[row]), kind="stable") if each != row]
            sets.append(set(order[:k]))
        shares.append(len(sets[0] & sets[1]) / k)
    return np.mean(shares)


def test_overlap_is_that_of_the_definition(vectors: Any) -> None:
    other = unit(vectors + 0.2 * np.random.default_rng(1).normal(size=vectors.shape))
    assert neighbor_overlap(other, vectors, 10) == pytest.approx(
        naive_overlap(other, other, vectors, vectors, 10)
    )
    assert cross_overlap(other, vectors, 10) == pytest.approx(
        naive_overlap(other, vectors, vectors, vectors, 10)
    )


def test_a_rotation_keeps_neighbors_but_not_cross_neighbors(vectors: Any) -> None:
    rotated = vectors @ rotation(12, 2)
    assert neighbor_overlap(rotated, vectors, 10) == pytest.approx(1.0, abs=1e-3)
    assert linear_cka(rotated, vectors) == pytest.approx(1.0, abs=1e-5)
    assert cross_overlap(rotated, vectors, 10) < 0.2


def test_unrelated_spaces_are_at_chance() -> None:
    generator = np.random.default_rng(3)
    first, second = (unit(generator.normal(size=(1000, 20))) for _ in range(2))
    assert neighbor_overlap(first, second, 10) == pytest.approx(10 / 999, abs=0.01)
    assert linear_cka(first, second) < 0.1


def test_duplicates_do_not_count_an_image_as_its_own_neighbor() -> None:
    vectors = np.repeat(np.eye(4, dtype=np.float32), 6, axis=0)
    assert 0 <= neighbor_overlap(vectors, vectors, 3) <= 1
    assert neighbor_overlap(vectors, vectors, 5) == 1.0


def test_other_widths_have_no_cross_overlap(vectors: Any) -> None:
    assert cross_overlap(vectors, vectors[:, :5], 10) == 0.0
    assert neighbor_overlap(vectors, vectors[:, :5], 10) > 0.1


def test_cka_is_the_kernel_form(vectors: Any) -> None:
    other = vectors @ np.random.default_rng(4).normal(size=(12, 7))
    n = len(vectors)
    centring = np.eye(n) - np.ones((n, n)) / n
    first, second = (centring @ (x @ x.T) @ centring for x in (vectors.astype(float), other))
    expected = np.sum(first * second) / np.sqrt(np.sum(first**2) * np.sum(second**2))
    assert linear_cka(vectors, other) == pytest.approx(expected, rel=1e-5)
    assert linear_cka(vectors, other) == pytest.approx(linear_cka(other, vectors))
    assert linear_cka(3 * vectors + 1, other) == pytest.approx(expected, rel=1e-5)


def test_a_constant_space_has_no_cka(vectors: Any) -> None:
    assert np.isnan(linear_cka(np.ones_like(vectors), vectors))


def test_rows_must_match(vectors: Any) -> None:
    with pytest.raises(ValueError, match="300 and 299 embeddings"):
        neighbor_overlap(vectors, vectors[1:], 10)
    with pytest.raises(ValueError, match="above k=10"):
        cross_overlap(vectors[:10], vectors[:10], 10)

from typing import Any

import numpy as np
import pytest
from scipy import linalg

from tfx_contrastive.consumers.drift.two_sample import (
    frechet_distance,
    frechet_test,
    mean_shift_test,
    mmd_test,
)

TESTS = pytest.mark.parametrize("test", [mmd_test, frechet_test])


WITH_MEANS = pytest.mark.parametrize("test", [mmd_test, frechet_test, mean_shift_test])


def normal(num: Any, seed: Any, mean: float = 0.0, scale: float = 1.0, dim: int = 6) -> Any:
    return mean + scale * np.random.default_rng(seed).normal(size=(num, dim))


def test_mmd_is_that_of_the_definition() -> None:
    x, y = normal(7, 0), normal(5, 1, mean=1.0)
    pooled = np.concatenate([x, y])
    squared = [np.sum((a - b) ** 2) for i, a in enumerate(pooled) for b in pooled[i + 1 :]]

    def kernel(a: Any, b: Any) -> Any:
        return np.exp(-np.sum((a - b) ** 2) / (2 * np.median(squared)))

    within_x = np.mean([kernel(x[i], x[j]) for i in range(7) for j in range(7) if i != j])
    within_y = np.mean([kernel(y[i], y[j]) for i in range(5) for j in range(5) if i != j])
    across = np.mean([kernel(a, b) for a in x for b in y])
    assert mmd_test(x, y, 20, 0).statistic == pytest.approx(within_x + within_y - 2 * across, rel=1e-9)


def test_frechet_is_the_closed_form() -> None:
    x, y = normal(400, 2), normal(300, 3, mean=0.5, scale=2.0)
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    expected = np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(s1 + s2 - 2 * linalg.sqrtm(s1 @ s2).real)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)


def test_frechet_of_equal_covariances_is_the_distance_of_the_means() -> None:
    x = normal(300, 4)
    assert frechet_distance(x, x + 2.0) == pytest.approx(6 * 4.0, rel=1e-6)
    assert frechet_distance(x, x) == pytest.approx(0.0, abs=1e-9)


def test_frechet_of_fewer_points_than_dimensions_is_finite() -> None:
    assert np.isfinite(frechet_distance(normal(5, 5, dim=20), normal(6, 6, dim=20)))


def test_mean_shift_is_that_of_the_definition() -> None:
    x, y = normal(30, 11), normal(20, 12, mean=0.3)
    x[:, 2] = y[:, 2] = 1.0  # a constant column adds nothing
    with np.errstate(invalid="ignore"):
        parts = (x.mean(0) - y.mean(0)) ** 2 / np.concatenate([x, y]).var(0)
    assert mean_shift_test(x, y, 20, 0).statistic == pytest.approx(np.nansum(parts[[0, 1, 3, 4, 5]]))


def test_a_rare_class_is_a_mean_shift() -> None:
    generator = np.random.default_rng(13)
    reference, new = (np.eye(5)[generator.choice(5, 300, p=p)] for p in ([0.2] * 5, [0.02, *[0.245] * 4]))
    assert mean_shift_test(reference, new, 199, 0).p_value == pytest.approx(1 / 200)


@WITH_MEANS
def test_p_values_are_uniform_without_a_difference(test: Any) -> None:
    p_values = [test(normal(40, seed), normal(30, 1000 + seed), 39, seed).p_value for seed in range(60)]
    # Binomial(60, 0.2): more than 20 has a probability below 0.5 %.
    assert np.mean(np.array(p_values) <= 0.2) <= 1 / 3
    assert 0.3 < np.mean(p_values) < 0.7


@TESTS
@pytest.mark.parametrize("change", [{"mean": 0.5}, {"scale": 1.5}])
def test_a_difference_has_the_smallest_p_value(test: Any, change: dict[str, Any]) -> None:
    found = test(normal(200, 7), normal(150, 8, **change), 99, 0)
    assert found.p_value == pytest.approx(0.01)
    assert found.statistic > 3 * abs(found.null_mean)


@WITH_MEANS
def test_the_seed_decides(test: Any) -> None:
    x, y = normal(60, 9), normal(50, 10, mean=0.2)
    assert test(x, y, 50, 1) == test(x, y, 50, 1)


@WITH_MEANS
def test_samples_must_fit(test: Any) -> None:
    with pytest.raises(ValueError, match=r"shape \[1, 6\] and \[50, 6\]; expected two rows"):
        test(normal(1, 0), normal(50, 0), 20, 0)
    with pytest.raises(ValueError, match="equal widths"):
        test(normal(50, 0, dim=3), normal(50, 0), 20, 0)

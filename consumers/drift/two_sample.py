"""Permutation tests of whether two samples come from one distribution, whatever its form."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.contract.errors import InputError

_MAX_MEDIAN_POINTS = 1_000


@dataclasses.dataclass(frozen=True)
class TwoSampleResult:
    """Result of a two-sample test.

    Attributes:
        statistic: Statistic of the two samples.
        null_mean: Mean of the statistic over random divisions of the pooled sample, between which there is no
            difference.
        p_value: Share of the divisions, the observed one among them, with a statistic at least as large.
    """

    statistic: float
    null_mean: float
    p_value: float


def mmd_test(reference: NDArray[Any], new: NDArray[Any], num_permutations: int, seed: int) -> TwoSampleResult:
    """Test by the unbiased maximum mean discrepancy (Gretton et al., JMLR 13, 2012, eq. 3).

        MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y),  k(a, b) = exp(-|a - b|^2 / (2 s^2))

    s^2 is the median squared distance of the pooled sample (the median heuristic).

    Args:
        reference: First sample, float [M, D].
        new: Second sample, float [N, D].
        num_permutations: Number of permutations P; the smallest p-value is 1 / (P + 1).
        seed: Seed of the permutations.

    Returns:
        MMD^2, which may be slightly negative, and its p-value. The statistic depends on the width of the
        kernel and thereby on the samples: compare p-values across runs, not statistics.

    Raises:
        ValueError: If a sample has fewer than two rows or the widths differ.
    """
    _check(reference, new)
    pooled = np.concatenate([reference, new]).astype(np.float64)
    kernel = _gaussian_kernel(pooled)
    np.fill_diagonal(kernel, 0.0)
    total = kernel.sum()
    rows, num_reference, num_new = kernel.sum(axis=1), len(reference), len(new)

    def statistics(is_new: NDArray[Any]) -> NDArray[Any]:
        members = is_new.astype(np.float64)  # [P, M + N]
        within_new = np.einsum("pi,pi->p", members @ kernel, members)
        across = members @ rows - within_new
        within_reference = total - within_new - 2 * across
        squared: NDArray[Any] = (
            within_reference / (num_reference * (num_reference - 1))
            + within_new / (num_new * (num_new - 1))
            - 2 * across / (num_reference * num_new)
        )
        return squared

    observed = statistics(_membership(num_reference, num_new)[None])[0]
    null = statistics(_permuted(num_reference, num_new, num_permutations, seed))
    return _result(float(observed), null)


def frechet_test(
    reference: NDArray[Any], new: NDArray[Any], num_permutations: int, seed: int
) -> TwoSampleResult:
    """Test by the Fréchet distance of Gaussian fits (Dowson & Landau 1982; arXiv:1706.08500, eq. 6).

        d^2 = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))

    Args:
        reference: First sample, float [M, D].
        new: Second sample, float [N, D].
        num_permutations: Number of permutations P; the smallest p-value is 1 / (P + 1).
        seed: Seed of the permutations.

    Returns:
        d^2 and its p-value. d^2 is biased upwards in small samples: compare it with `null_mean`, which is
        the bias, and not across encoders.

    Raises:
        ValueError: If a sample has fewer than two rows or the widths differ.
    """
    _check(reference, new)
    pooled = np.concatenate([reference, new]).astype(np.float64)
    observed = frechet_distance(pooled[: len(reference)], pooled[len(reference) :])
    memberships = _permuted(len(reference), len(new), num_permutations, seed)
    null = np.array([frechet_distance(pooled[~is_new], pooled[is_new]) for is_new in memberships])
    return _result(observed, null)


def mean_shift_test(
    reference: NDArray[Any], new: NDArray[Any], num_permutations: int, seed: int
) -> TwoSampleResult:
    """Test the shift of the means of all columns, each in units of its pooled standard deviation.

        t = sum_k (mean x_k - mean y_k)^2 / var_k

    On the probabilities of a classifier, this detects a class that has become rare or frequent, even if it is
    no separate cluster in embedding space. This is black-box shift detection, the best of such tests in
    comparisons (Lipton et al., arXiv:1802.03916; Rabanser et al., arXiv:1810.11953).

    Args:
        reference: First sample, float [M, K].
        new: Second sample, float [N, K].
        num_permutations: Number of permutations P; the smallest p-value is 1 / (P + 1).
        seed: Seed of the permutations.

    Returns:
        t and its p-value.

    Raises:
        ValueError: If a sample has fewer than two rows or the widths differ.
    """
    _check(reference, new)
    pooled = np.concatenate([reference, new]).astype(np.float64)
    num_reference, num_new, variance = len(reference), len(new), pooled.var(axis=0)
    # A column that is constant has no shift.
    scaled = (pooled - pooled.mean(axis=0)) / np.sqrt(np.where(variance > 0, variance, np.inf))

    def statistics(is_new: NDArray[Any]) -> NDArray[Any]:
        sums = is_new.astype(np.float64) @ scaled  # [P, K]; the pooled sum is 0
        shifts: NDArray[Any] = np.sum(np.square(sums / num_new + sums / num_reference), axis=1)
        return shifts

    observed = statistics(_membership(num_reference, num_new)[None])[0]
    return _result(float(observed), statistics(_permuted(num_reference, num_new, num_permutations, seed)))


def frechet_distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the squared Fréchet distance between Gaussian fits of float64 [M, D] and [N, D]."""
    mean_difference = first.mean(axis=0) - second.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(sample, rowvar=False)) for sample in (first, second)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    # tr (S1 S2)^(1/2) = tr (S1^(1/2) S2 S1^(1/2))^(1/2), and that matrix is symmetric.
    cross = np.sqrt(np.linalg.eigvalsh(root @ covariances[1] @ root).clip(0)).sum()
    return float(mean_difference @ mean_difference + sum(np.trace(each) for each in covariances) - 2 * cross)


def _gaussian_kernel(points: NDArray[Any]) -> NDArray[Any]:
    squares = np.sum(points**2, axis=1)
    distances = (squares[:, None] + squares[None] - 2 * points @ points.T).clip(0)
    step = max(1, len(points) // _MAX_MEDIAN_POINTS)
    some = distances[::step, ::step]
    median = np.median(some[np.triu_indices(len(some), 1)])
    kernel: NDArray[Any] = np.exp(-distances / (2 * max(median, np.finfo(np.float64).tiny)))
    return kernel


def _membership(num_reference: int, num_new: int) -> NDArray[Any]:
    return np.arange(num_reference + num_new) >= num_reference


def _permuted(num_reference: int, num_new: int, num_permutations: int, seed: int) -> NDArray[Any]:
    """Return random divisions of the pooled sample, bool [P, M + N]; True is a new image."""
    generator = np.random.default_rng(seed)
    membership = _membership(num_reference, num_new)
    return np.stack([generator.permutation(membership) for _ in range(num_permutations)])


def _result(observed: float, null: NDArray[Any]) -> TwoSampleResult:
    return TwoSampleResult(
        observed,
        float(null.mean()),
        float((1 + np.sum(null >= observed - 1e-12 * abs(observed))) / (1 + len(null))),
    )


def _check(reference: NDArray[Any], new: NDArray[Any]) -> None:
    if min(len(reference), len(new)) < 2 or reference.shape[1:] != new.shape[1:]:
        raise InputError(
            f"Received samples of shape {list(reference.shape)} and {list(new.shape)}; expected two rows "
            "or more and equal widths."
        )

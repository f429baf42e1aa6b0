"""Metrics of embeddings that need no label. Compare encoders by them on the same images only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Mean squared distance from the mean below which unit vectors differ by rounding only.
_NO_VARIANCE = 1e-9


def normalized(vectors: NDArray[Any]) -> NDArray[Any]:
    """Return vectors of length 1.

    Args:
        vectors: float [N, D].

    Returns:
        float32 [N, D], or float64 where `vectors` are; a zero vector stays zero, NaN stays NaN.

    Raises:
        ValueError: If `vectors` is not a matrix.
    """
    rows = np.asarray(vectors)
    if rows.ndim != 2:
        raise ValueError(f"Received vectors of shape {rows.shape}; expected [N, D].")
    rows = rows if rows.dtype == np.float64 else rows.astype(np.float32)
    unit: NDArray[Any] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def effective_rank(embeddings: NDArray[Any]) -> float:
    """Return the effective rank of the covariance: exp of the entropy of its normalized eigenvalues.

    Roy and Vetterli (EUSIPCO 2007), eq. 2, applied to the covariance matrix, so the rows are centered.
    RankMe (arXiv:2210.02885), which ranks encoders without labels, uses the singular values of the uncentered
    matrix instead; its values are higher and not comparable with these.

    The metric counts the directions in which embeddings differ and so shows dimensional collapse. It can't
    show that a representation is useful: random convolutions reach the rank of trained ones, and noise has
    full rank. It grows with N.

    Args:
        embeddings: float [N, D]; normalized here.

    Returns:
        From 1 to min(N - 1, D); 0 where all embeddings are the same.
    """
    rows = normalized(embeddings).astype(np.float64)
    centered = rows - rows.mean(axis=0)
    # Both products have the same eigenvalues apart from zeros; the smaller one is faster.
    product = centered.T @ centered if len(rows) > rows.shape[1] else centered @ centered.T
    variances = np.linalg.eigvalsh(product)
    variances = variances[variances > 0]
    if variances.sum() < _NO_VARIANCE * len(rows):
        return 0.0
    shares = variances / variances.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def embedding_std(embeddings: NDArray[Any]) -> float:
    """Return the mean standard deviation of a dimension times sqrt(D).

    The collapse check of SimSiam (arXiv:2011.10566, section 4.1). It can't show dimensional collapse:
    embeddings along one line can have a high value; see `effective_rank`.

    Args:
        embeddings: float [N, D]; normalized here.

    Returns:
        0 for a constant encoder, about 1 for embeddings spread evenly on the sphere.
    """
    rows = normalized(embeddings)
    return float(rows.std(axis=0).mean() * np.sqrt(rows.shape[1]))


def uniformity(embeddings: NDArray[Any]) -> float:
    """Return the uniformity at t = 2: log mean exp(-2 |x - y|^2) over pairs of images.

    Wang and Isola (arXiv:2005.10242), eq. 3. Read it together with other metrics: random vectors are the
    most uniform. The lowest possible value depends on D.

    Args:
        embeddings: float [N, D], N at least 2; normalized here.

    Returns:
        0 for a constant encoder; lower is more evenly spread, down to about -4.
    """
    rows = normalized(embeddings)
    potentials = np.exp(-2.0 * np.maximum(2.0 - 2.0 * (rows @ rows.T), 0.0))
    size = len(rows)
    total = potentials.sum(dtype=np.float64) - np.diag(potentials).sum(dtype=np.float64)
    return float(np.log(total / (size * (size - 1))))


def alignment(view_a: NDArray[Any], view_b: NDArray[Any]) -> float:
    """Return the mean squared distance of two views of an image.

    Wang and Isola (arXiv:2005.10242), eq. 2 with alpha = 2. Read it together with other metrics: a constant
    encoder has the best value, 0. It depends on how far apart the views start.

    Args:
        view_a: float [N, D]; normalized here.
        view_b: A second view of the same images, float [N, D]; normalized here.

    Returns:
        From 0 to 4; lower is nearer.
    """
    return float(np.square(normalized(view_a) - normalized(view_b)).sum(axis=1).mean())


def reciprocal_ranks(view_a: NDArray[Any], view_b: NDArray[Any]) -> NDArray[Any]:
    """Return the reciprocal rank of each image's own view among the views of all images.

    Args:
        view_a: float [N, D]; normalized here.
        view_b: A second view of the same images, float [N, D]; normalized here.

    Returns:
        float64 [N]: 1 where a view finds its image first; the mean is about ln(N) / N by chance. Ties count
        against the encoder.
    """
    similarity = normalized(view_b) @ normalized(view_a).T
    ranks = (similarity >= np.diag(similarity)[:, None]).sum(axis=1)
    reciprocal: NDArray[Any] = 1.0 / np.maximum(ranks, 1)
    return reciprocal


def view_retrieval(view_a: NDArray[Any], view_b: NDArray[Any]) -> float:
    """Return the mean of `reciprocal_ranks`."""
    return float(reciprocal_ranks(view_a, view_b).mean())


def contrastive_accuracy(z_a: NDArray[Any], z_b: NDArray[Any]) -> float:
    """Return the share of anchors whose positive is more similar than the 2N - 2 views of other images.

    The "contrastive accuracy" that SimCLR's code logs (arXiv:2002.05709), with both views as anchors. Don't
    compare it across batch sizes or augmentations, and don't choose a model by it: weak augmentations reach
    1.0 with a useless representation.

    Args:
        z_a: Projections of view a, float [N, D]; normalized here.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`; normalized here.

    Returns:
        From 0 to 1. A tie counts against the anchor: constant projections have 0.
    """
    a, b = normalized(z_a), normalized(z_b)
    across = a @ b.T  # [N, N]
    positives = np.diag(across).copy()
    np.fill_diagonal(across, -2.0)  # below any cosine
    hits_a = positives > np.maximum(across.max(axis=1), _nearest_other(a))
    hits_b = positives > np.maximum(across.max(axis=0), _nearest_other(b))
    return float(np.mean(np.concatenate([hits_a, hits_b])))


def _nearest_other(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the largest cosine to another row of the same view, float [N]."""
    similarity: NDArray[Any] = rows @ rows.T
    np.fill_diagonal(similarity, -2.0)
    nearest: NDArray[Any] = similarity.max(axis=1)
    return nearest

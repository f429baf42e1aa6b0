"""How often the same thing by another designer is among the ten nearest, and what is compared."""

from collections.abc import Iterator

import numpy as np

from tfx_contrastive.components.embeddings import whitening

_NEIGHBORS = 10
_QUERIES_AT_ONCE = 512
_DRAWS = 2000


def found(vectors: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Whether one of the ten nearest of all other images, by cosine, is of the same name.

    Args:
        vectors: One row per image, float [N, D].
        names: What is drawn, [N].

    Returns:
        bool [N].
    """
    norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    unit = (vectors / norms).astype(np.float32)
    hits = []
    for start in range(0, len(unit), _QUERIES_AT_ONCE):
        rows = np.arange(start, min(start + _QUERIES_AT_ONCE, len(unit)))
        similarity = unit[rows] @ unit.T  # [Q, N]
        similarity[np.arange(len(rows)), rows] = -np.inf  # the query itself
        nearest = np.argpartition(-similarity, _NEIGHBORS, axis=1)[:, :_NEIGHBORS]
        hits.append((names[nearest] == names[rows, None]).any(axis=1))
    return np.concatenate(hits)


def whitened(vectors: np.ndarray, ridge: float) -> np.ndarray:
    """Vectors as search compares them, whitened with shrinkage (`components.embeddings.whitening`).

    Args:
        vectors: float [N, D] of length 1; mean and covariance are of these very rows.
        ridge: Share of the mean variance that is added to every variance.

    Returns:
        float32 [N, D] of length 1.

    Raises:
        ValueError: If all rows are the same.
    """
    fitted = whitening.fit([vectors], ridge)
    if fitted is None:
        raise ValueError(f"Received {len(vectors)} vectors that do not vary; expected some that do.")
    return fitted.apply(vectors)


def interval(hits: np.ndarray, names: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean over images: bootstrap over names, as images of one name go together.

    Args:
        hits: bool [N], or the difference of two of them, float [N], for a paired comparison.
        names: What is drawn, [N].

    Returns:
        Its ends.
    """
    _, group = np.unique(names, return_inverse=True)
    totals, sums = np.bincount(group), np.bincount(group, weights=hits)
    drawn = np.random.default_rng(0).integers(0, len(totals), (_DRAWS, len(totals)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / totals[drawn].sum(axis=1), (2.5, 97.5))
    return float(low), float(high)


def pixel_baselines(images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Names and vectors of what an embedding has to beat. Images uint8 [N, 48, 48, 3]."""
    gray = images @ np.array([0.299, 0.587, 0.114])
    yield "8x8 RGB pixels", _averaged(images, 8)
    yield "16x16 gray pixels", _averaged(gray[..., np.newaxis], 16)


def _averaged(images: np.ndarray, side: int) -> np.ndarray:
    """Means over the cells of a grid: [N, H, W, C] to float [N, side * side * C]."""
    count, height, width, channels = images.shape
    cells = images.reshape(count, side, height // side, side, width // side, channels)
    return cells.mean(axis=(2, 4), dtype=np.float64).reshape(count, -1)

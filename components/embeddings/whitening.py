"""Whitening with shrinkage, so that a few directions of large variance don't decide similarities.

In most embeddings, a few directions hold a large part of the variance. Whitening gives all directions the
same weight (Jégou & Chum, Negative Evidences and Co-occurrences in Image Retrieval, ECCV 2012):

    w(x) = normalize((x - mean) C^(-1/2)),   C = covariance + ridge * (mean variance) * identity

Some directions hardly vary and hold only noise; the ridge gives them less weight. The model's signature
`embed_bytes` returns vectors without whitening; the whitening is stored with the embeddings and the index.
"""

import dataclasses
import functools
import hashlib
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.contract.metrics.label_free import normalized

WHITENING_FILE = "whitening.npz"
_LEAST_VARIANCE = 1e-12  # mean over dimensions, of vectors of length 1


@dataclasses.dataclass(frozen=True, eq=False)
class Whitening:
    """A fitted whitening.

    Attributes:
        mean: Mean of the vectors that it was fitted on, float32 [D].
        matrix: C^(-1/2), which is symmetric, float32 [D, D].
        num_vectors: Number of vectors that it was fitted on.
    """

    mean: NDArray[Any]
    matrix: NDArray[Any]
    num_vectors: int

    def apply(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Whiten embeddings.

        Args:
            vectors: Embeddings as `embed_bytes` returns them, float [N, D].

        Returns:
            Vectors of length 1, float32 [N, D]; a vector equal to the mean becomes zero, similar to none.
        """
        return normalized((np.asarray(vectors, np.float32) - self.mean) @ self.matrix)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex. Vectors whitened by different matrices can't be compared."""
        return hashlib.sha256(self.mean.tobytes() + self.matrix.tobytes()).hexdigest()

    def save(self, uri: str) -> None:
        """Write `whitening.npz` to a directory, local or remote."""
        buffer = io.BytesIO()
        np.savez(buffer, mean=self.mean, matrix=self.matrix, num_vectors=self.num_vectors)
        files.write_bytes(files.join(uri, WHITENING_FILE), buffer.getvalue())


def load(uri: str, fingerprint: str) -> Whitening:
    """Read `whitening.npz`.

    Args:
        uri: URI of the directory.
        fingerprint: Fingerprint that the whitening must have.

    Raises:
        ValueError: If the file is missing or has another fingerprint.
    """
    path = files.join(uri, WHITENING_FILE)
    if not files.is_file(path):
        raise InputError(f"{path} is missing: the vectors can't be compared. Run the pipeline again.")
    values = np.load(io.BytesIO(files.read_bytes(path)), allow_pickle=False)
    found = Whitening(values["mean"], values["matrix"], int(values["num_vectors"]))
    if found.fingerprint != fingerprint:
        raise InputError(
            f"{path} has the fingerprint {found.fingerprint[:12]}, expected {fingerprint[:12]}: it is not "
            "the whitening of these vectors. Run the pipeline again."
        )
    return found


def fit(batches: Iterable[NDArray[Any]], ridge: float) -> Whitening | None:
    """Fit a whitening in one pass; memory grows with D^2, not with N.

    Args:
        batches: Batches of embeddings of length 1, float [B, D].
        ridge: Share of the mean variance that is added to every variance.

    Returns:
        The whitening; None if there are fewer than two vectors, or all are the same.
    """
    count, total, products = 0, np.zeros(()), np.zeros(())
    for batch in batches:
        values = batch.astype(np.float64)
        count += len(values)
        total = total + values.sum(axis=0)
        products = products + values.T @ values
    if count < 2:
        return None
    mean = total / count
    covariance = products / count - np.outer(mean, mean)
    average = np.trace(covariance) / len(mean)
    if not average > _LEAST_VARIANCE:
        return None
    variances, directions = np.linalg.eigh(covariance)
    scales = 1.0 / np.sqrt(np.maximum(variances, 0.0) + ridge * average)
    # The symmetric root: unlike the directions, it doesn't depend on the signs and rotations of the solver.
    matrix = (directions * scales) @ directions.T
    return Whitening(mean.astype(np.float32), matrix.astype(np.float32), count)

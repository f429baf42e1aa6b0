"""Whitening with shrinkage, so that a few directions of large variance don't decide similarities.

A few directions of an embedding mostly hold a large part of its variance. Whitening weights all alike
(Jégou & Chum, Negative Evidences and Co-occurrences in Image Retrieval, ECCV 2012):

    w(x) = normalize((x - mean) C^(-1/2)),   C = covariance + ridge * (mean variance) * identity

The ridge keeps directions that hardly vary, and hold rounding or chance, from counting as much as the rest.
What a model answers (`embed_bytes`) stays as it is; whitening travels with the embeddings and their index.
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
        mean: float32 [D].
        matrix: Symmetric, float32 [D, D].
        num_vectors: That it was fitted on.
    """

    mean: NDArray[Any]
    matrix: NDArray[Any]
    num_vectors: int

    def apply(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Whiten embeddings.

        Args:
            vectors: Embeddings as `embed_bytes` gives them, float [N, D].

        Returns:
            float32 [N, D] of length 1; a vector that is the mean itself becomes zero, alike to nothing.
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
        uri: Of the directory.
        fingerprint: That it must have.

    Raises:
        ValueError: If it is not there, or not the one that belongs to the vectors.
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
        batches: Embeddings of length 1, float [B, D] each.
        ridge: Share of the mean variance that is added to every variance.

    Returns:
        None where there are fewer than two vectors, or they are all the same.
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
    # Symmetric: unlike directions, it doesn't depend on the signs and rotations that a solver picks.
    matrix = (directions * scales) @ directions.T
    return Whitening(mean.astype(np.float32), matrix.astype(np.float32), count)

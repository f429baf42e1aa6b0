"""Decides in which space embeddings are compared: as the model gives them, or whitened."""

import logging
from collections.abc import Iterator

import numpy as np

from tfx_contrastive.components.embedding_gen.config import EmbeddingConfig
from tfx_contrastive.components.embeddings import embeddings, whitening
from tfx_contrastive.contract.examples import TRAIN

_MIN_VECTORS_PER_DIMENSION = 10
_progress = logging.getLogger("tfx_contrastive.progress")


def settle_space(uri: str, former_uri: str, config: EmbeddingConfig) -> embeddings.Space:
    """Decides, and writes `whitening.npz` where vectors are whitened.

    Embeddings that one encoder has computed keep their whitening as long as the settings stay: vectors that
    somebody has whitened and stored stay comparable with those of later runs.

    Args:
        uri: Of the Embeddings artifact, whose shards are complete.
        former_uri: Of one with the same encoder; empty if there is none.
        config: Whether to whiten, and the shrinkage.
    """
    if config.whiten == "never":
        return embeddings.Space("", "embedding.whiten is never", config.whiten, config.whitening_ridge)
    if former_uri and (kept := _kept(former_uri, uri, config)):
        return kept
    fitted = whitening.fit(_train_vectors(uri), config.whitening_ridge)
    if fitted is None:
        reason = "the embeddings of train do not vary, so there is nothing to whiten"
        return embeddings.Space("", reason, config.whiten, config.whitening_ridge)
    figures = {"num_train": fitted.num_vectors, "dim": len(fitted.mean)}
    helps, reason = True, "embedding.whiten is always"
    if config.whiten == "auto":
        helps, reason = judge(fitted.num_vectors, len(fitted.mean))
    if helps:
        fitted.save(uri)
    _progress.info("Embeddings are compared %s: %s", "whitened" if helps else "as they are", reason)
    return embeddings.Space(
        fitted.fingerprint if helps else "", reason, config.whiten, config.whitening_ridge, figures
    )


def judge(num_vectors: int, dim: int) -> tuple[bool, str]:
    """Whether whitening helps neighbors, without labels, and why.

    The one place where `auto` decides. Whitening divides by standard deviations along every direction; those
    of few vectors are chance, and chance is what it then makes larger (docs/search.md has the figures).

    Args:
        num_vectors: Embeddings of `train`.
        dim: Their width.
    """
    share = num_vectors / dim
    if share < _MIN_VECTORS_PER_DIMENSION:
        return False, (
            f"{num_vectors:,} images of train are {share:.1f} per dimension of the embedding, fewer than the "
            f"{_MIN_VECTORS_PER_DIMENSION} that a whitening is fitted on"
        )
    return True, f"{num_vectors:,} images of train are enough to fit a whitening of {dim} dimensions"


def _kept(former_uri: str, uri: str, config: EmbeddingConfig) -> embeddings.Space | None:
    """The space of former embeddings, if it was settled by the same settings; its whitening is copied."""
    space = embeddings.read_meta(former_uri).space
    if (space.whiten, space.ridge) != (config.whiten, config.whitening_ridge):
        return None
    if space.is_whitened:
        try:
            whitening.load(former_uri, space.whitening_fingerprint).save(uri)
        except ValueError as error:
            _progress.warning("The former whitening can't be kept, another is fitted: %s", error)
            return None
    return space


def _train_vectors(uri: str) -> Iterator[np.ndarray]:
    for table in embeddings.read_shards(uri, [embeddings.VECTOR], [TRAIN]):
        yield embeddings.vectors_of(table)

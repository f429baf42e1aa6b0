"""Ranks labels by how little the other labels support them."""

import dataclasses

import numpy as np

from tfx_contrastive.contract.errors import InputError

from . import probe

FOLDS = 5


@dataclasses.dataclass(frozen=True)
class Suspects:
    """Labels to look at again, the least supported first.

    Attributes:
        rows: Positions among the labelled images, int64 [n].
        proposals: The most probable class of each, n.
        confidences: Probability of the label as it stands, float64 [n].
    """

    rows: np.ndarray
    proposals: tuple[str, ...]
    confidences: np.ndarray


def find(vectors: np.ndarray, labels: np.ndarray, num: int, seed: int) -> Suspects:
    """Finds the labels that are most probably wrong.

    Ranked by self-confidence, the probability of the given label by a classifier that was fitted without it
    (confident learning: Northcutt et al., arXiv:1911.00068). Only labels that are not the most probable
    class of their image are listed.

    Args:
        vectors: Embeddings of the labelled images, float32 [N, D].
        labels: Their classes, [N].
        num: How many to find at most.
        seed: Of the division into folds.

    Returns:
        The suspects. Images of a class with fewer than FOLDS images can't be judged and are left out.

    Raises:
        ValueError: If fewer than two classes have FOLDS images.
    """
    classes, positions, counts = np.unique(labels, return_inverse=True, return_counts=True)
    judged = np.flatnonzero(counts[positions] >= FOLDS)
    if (counts >= FOLDS).sum() < 2:
        raise InputError(
            f"Received {len(labels)} labels of {len(classes)} classes; expected two classes with "
            f"{FOLDS} labelled images at least: each label is judged by the others."
        )
    known, probabilities = probe.held_out_probabilities(vectors[judged], labels[judged], FOLDS, seed)
    own = np.searchsorted(known, labels[judged])
    confidence = probabilities[np.arange(len(judged)), own]
    best = probabilities.argmax(axis=1)
    ranked = np.argsort(confidence, kind="stable")
    ranked = ranked[best[ranked] != own[ranked]][:num]
    return Suspects(judged[ranked], tuple(str(known[row]) for row in best[ranked]), confidence[ranked])

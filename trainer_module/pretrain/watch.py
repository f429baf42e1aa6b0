"""Watching pretraining: figures of a batch, the kNN probe, and signs that nothing is learned."""

import dataclasses

import numpy as np

from tfx_contrastive.trainer_module.config import WatchConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.metrics.contrastive_accuracy import contrastive_accuracy
from tfx_contrastive.trainer_module.metrics.effective_rank import effective_rank
from tfx_contrastive.trainer_module.metrics.embedding_std import embedding_std
from tfx_contrastive.trainer_module.metrics.knn_probe import knn_accuracy
from tfx_contrastive.trainer_module.pretrain.learner import Learner, Outcome

_ENCODE_BATCH = 512
PROBE_TEMPERATURE = 0.07  # of the kNN probe, as in its paper


@dataclasses.dataclass(frozen=True)
class Figures:
    """Label-free figures of one training batch.

    Attributes:
        loss: Mean loss since the last figures.
        contrastive_accuracy: Share of anchors that find their positive, from 0 to 1.
        embedding_std: Spread of the representation, 1 being even on the sphere.
        effective_rank: In how many directions representations differ.
    """

    loss: float
    contrastive_accuracy: float
    embedding_std: float
    effective_rank: float


def measure(losses: np.ndarray, outcome: Outcome) -> Figures:
    """Figures of the last step of a call.

    Args:
        losses: Losses since the last figures, float [num_steps].
        outcome: What the call returned.

    Returns:
        The figures.
    """
    num = outcome.z.shape[0] // 2
    return Figures(
        loss=float(np.mean(losses)),
        contrastive_accuracy=float(contrastive_accuracy(outcome.z[:num], outcome.z[num:])),
        embedding_std=float(embedding_std(outcome.h)),
        effective_rank=float(effective_rank(outcome.h)),
    )


def find_problems(figures: Figures, config: WatchConfig, chance_loss: float | None) -> list[str]:
    """Signs that the encoder learns nothing.

    Args:
        figures: Of a step past `config.after_steps`.
        config: Limits.
        chance_loss: Loss of constant embeddings; None where the objective has no such value.

    Returns:
        One sentence a problem; empty when all is well.
    """
    problems = []
    if chance_loss is not None and figures.loss > chance_loss * (1.0 - config.chance_margin):
        problems.append(
            f"the loss {figures.loss:.3f} is at chance level {chance_loss:.3f}: views may be too strong, "
            "the learning rate too high, or the temperature unfit"
        )
    if figures.effective_rank < config.min_effective_rank:
        problems.append(
            f"the effective rank of embeddings is {figures.effective_rank:.2f}, under "
            f"{config.min_effective_rank}: the representation collapses to few directions"
        )
    if figures.embedding_std < config.min_embedding_std:
        problems.append(
            f"the standard deviation of embeddings is {figures.embedding_std:.4f} of an even spread, under "
            f"{config.min_embedding_std}: the representation collapses to a point"
        )
    return problems


class KnnProbe:
    """Accuracy of nearest neighbours among a small labelled subset, half of it asking the other half.

    The only place of pretraining where a label is read, and nothing is learned from it.
    """

    def __init__(self, dataset: ImageDataset, config: WatchConfig, seed: int):
        """Chooses the subset.

        Args:
            dataset: Images, some of them labelled.
            config: Size of the subset, number of neighbours.
            seed: Seed of the choice, not negative.
        """
        rng = np.random.default_rng([seed, 0x9B0B])
        rows = rng.permutation(np.flatnonzero(dataset.label_index >= 0))[: config.probe_images]
        self._images = dataset.images[np.sort(rows)]
        self._labels = dataset.label_index[np.sort(rows)]
        self._queries = rng.permutation(len(rows)) < len(rows) // 2
        self._num_neighbors = config.probe_neighbors

    @property
    def possible(self) -> bool:
        """Whether there are labels of at least two classes, on two images at least."""
        return len(set(self._labels.tolist())) > 1 and bool(self._queries.any())

    def accuracy(self, learner: Learner) -> float:
        """Share of the queries that get their label, from 0 to 1."""
        h = np.concatenate(
            [
                learner.encode(self._images[start : start + _ENCODE_BATCH]).numpy()
                for start in range(0, len(self._images), _ENCODE_BATCH)
            ]
        )
        asked, known = self._queries, ~self._queries
        return knn_accuracy(
            (h[known], self._labels[known]),
            (h[asked], self._labels[asked]),
            self._num_neighbors,
            PROBE_TEMPERATURE,
        )

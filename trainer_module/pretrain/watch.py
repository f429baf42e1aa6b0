"""Signs that pretraining learns: metrics of a batch, the kNN probe, and the best encoder so far."""

import dataclasses
import json
import os
import tempfile
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.contract import files
from tfx_contrastive.contract.metrics.label_free import contrastive_accuracy, effective_rank, embedding_std
from tfx_contrastive.contract.metrics.probes import KNN_TEMPERATURE, knn_accuracy
from tfx_contrastive.trainer_module.config import WatchConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.pretrain.learner import Learner, Outcome

_WEIGHTS = "best.weights.h5"
_SCORE = "best.json"


class BestEncoder:
    """The weights of the encoder with the highest score so far, kept on disk beside the checkpoints."""

    def __init__(self, directory: str):
        """Read the state of an earlier run from `directory`, local or remote."""
        self._weights_path = files.join(directory, _WEIGHTS)
        self._score_path = files.join(directory, _SCORE)
        self._best: dict[str, float] | None = None
        if files.is_file(self._score_path):
            self._best = json.loads(files.read_text(self._score_path))

    @property
    def step(self) -> int | None:
        """Step of the best encoder; None if there is none."""
        return None if self._best is None else int(self._best["step"])

    def offer(self, encoder: keras.Model, step: int, score: float) -> None:
        """Keep the encoder if its score is at least as high as all previous ones."""
        if self._best is not None and score < self._best["score"]:
            return
        self._best = {"step": step, "score": score}
        with tempfile.TemporaryDirectory() as scratch:  # Keras writes local files only
            local = os.path.join(scratch, _WEIGHTS)
            encoder.save_weights(local)
            copied = f"{self._weights_path}.new"
            files.copy(local, copied)
            files.rename(copied, self._weights_path)  # atomic: leaves the old or the new file
        files.write_text(self._score_path, json.dumps(self._best))  # last: the weights are complete

    def restore(self, encoder: keras.Model) -> None:
        """Load the best weights into an encoder."""
        with tempfile.TemporaryDirectory() as scratch:
            local = os.path.join(scratch, _WEIGHTS)
            files.copy(self._weights_path, local)
            encoder.load_weights(local)


@dataclasses.dataclass(frozen=True)
class Figures:
    """Label-free metrics of one training batch.

    Attributes:
        loss: Mean loss since the last report.
        contrastive_accuracy: Share of anchors that find their positive, from 0 to 1.
        embedding_std: Spread of the representations; 1 for an even spread on the sphere.
        effective_rank: Number of directions in which representations differ.
    """

    loss: float
    contrastive_accuracy: float
    embedding_std: float
    effective_rank: float


def measure(losses: NDArray[Any], outcome: Outcome) -> Figures:
    """Return the metrics of the last step of a call.

    Args:
        losses: Losses since the last report, float [num_steps].
        outcome: The result of the call.

    Returns:
        The metrics.
    """
    z, h = outcome.z.numpy(), outcome.h.numpy()
    return Figures(
        loss=float(np.mean(losses)),
        contrastive_accuracy=contrastive_accuracy(z[: len(z) // 2], z[len(z) // 2 :]),
        embedding_std=embedding_std(h),
        effective_rank=effective_rank(h),
    )


def find_problems(figures: Figures, config: WatchConfig, chance_loss: float | None) -> list[str]:
    """Return signs that the encoder learns nothing.

    Args:
        figures: Metrics of a step after `config.after_steps`.
        config: Limits.
        chance_loss: Loss of constant embeddings; None if the objective has no such value.

    Returns:
        One sentence per problem; empty if there is none.
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
    """Accuracy of nearest neighbors on a small labeled subset: half are queries, half are neighbors.

    Pretraining reads labels only here (and in objectives that use them), and learns nothing from them here.
    """

    def __init__(self, dataset: ImageDataset, config: WatchConfig, seed: int):
        """Draw the subset.

        Args:
            dataset: Labeled and unlabeled images.
            config: Size of the subset, number of neighbors.
            seed: Seed of the draw, not negative.
        """
        rng = np.random.default_rng([seed, 0x9B0B])
        rows = rng.permutation(np.flatnonzero(dataset.label_index >= 0))[: config.probe_images]
        self._images = dataset.images[np.sort(rows)]
        self._labels = dataset.label_index[np.sort(rows)]
        self._queries = rng.permutation(len(rows)) < len(rows) // 2
        self._num_neighbors = config.probe_neighbors

    @property
    def possible(self) -> bool:
        """True if at least two images of two classes are labeled."""
        return len(set(self._labels.tolist())) > 1 and bool(self._queries.any())

    def accuracy(self, learner: Learner) -> float:
        """Return the share of queries that are classified correctly, from 0 to 1."""
        h = learner.encode(self._images)
        asked, known = self._queries, ~self._queries
        return knn_accuracy(
            (h[known], self._labels[known]),
            (h[asked], self._labels[asked]),
            self._num_neighbors,
            KNN_TEMPERATURE,
        )

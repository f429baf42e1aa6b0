"""Asks the run's SavedModels, through the signatures that consumers use."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from tfx_contrastive.contract.signatures import (
    ALL_CLASSES,
    CLASSIFY_BYTES,
    EMBED_BYTES,
    EMBEDDING,
    PROBABILITIES,
)

_BATCH = 256


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a classifier says of some images.

    Attributes:
        class_names: The K classes, in the order of the probabilities.
        probabilities: float32 [N, K].
        actual: Class index of the label, int [N]; -1 where there is none, or the model doesn't know it.
    """

    class_names: tuple[str, ...]
    probabilities: np.ndarray
    actual: np.ndarray

    @property
    def predicted(self) -> np.ndarray:
        """Index of the most probable class, int [N]."""
        return self.probabilities.argmax(axis=1)

    @property
    def confidence(self) -> np.ndarray:
        """Probability of the most probable class, float [N]."""
        return self.probabilities.max(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """Whether the most probable class is the label, bool [N]."""
        return self.predicted == self.actual


class ServedModel:
    """A SavedModel, loaded once for all that is asked of it."""

    def __init__(self, directory: str):
        """Loads the model from its directory, local or remote."""
        self._model = tf.saved_model.load(directory)

    def classify(self, encoded: Sequence[bytes], labels: Sequence[str | None]) -> Predictions:
        """Classifies encoded images; `labels` are their class names, None where unknown."""
        answers = self._ask(CLASSIFY_BYTES, encoded, (PROBABILITIES, ALL_CLASSES))
        names = tuple(name.decode("utf-8", "replace") for name in answers["all_classes"][0])
        numbers = {name: number for number, name in enumerate(names)}
        actual = np.array([numbers.get(label or "", -1) for label in labels], np.int64)
        return Predictions(names, answers[PROBABILITIES], actual)

    def embed(self, encoded: Sequence[bytes]) -> np.ndarray:
        """Embeds encoded images: float32 [N, D], each of length 1."""
        return self._ask(EMBED_BYTES, encoded, (EMBEDDING,))[EMBEDDING]

    def _ask(
        self, signature: str, encoded: Sequence[bytes], outputs: Sequence[str]
    ) -> Mapping[str, np.ndarray]:
        function: Callable = self._model.signatures[signature]
        answers = [
            function(tf.constant(encoded[start : start + _BATCH], tf.string))
            for start in range(0, len(encoded), _BATCH)
        ]
        return {key: np.concatenate([answer[key].numpy() for answer in answers]) for key in outputs}

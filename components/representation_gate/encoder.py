"""The encoder under test, through its SavedModel only, and its permuted twins."""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfx_contrastive.components.model.saved import LoadedModel
from tfx_contrastive.contract.signatures import EMBEDDING, SERVING_DEFAULT


class SavedEncoder:
    """A SavedModel whose `serving_default` maps serialized tf.train.Example to `embedding`."""

    def __init__(self, model_dir: str, batch_size: int):
        """Loads the model.

        Args:
            model_dir: Directory of the SavedModel.
            batch_size: Examples a call.

        Raises:
            ValueError: If the model has no such signature.
        """
        self._model = LoadedModel(model_dir)
        self._model.require(
            SERVING_DEFAULT, EMBEDDING, "Give the gate the Pretrainer's model, not the classifier."
        )
        self._batch_size = batch_size

    def embed(self, examples: np.ndarray) -> np.ndarray:
        """Embeds examples.

        Args:
            examples: Serialized tf.train.Example, object [N] of bytes.

        Returns:
            L2-normalised embeddings, float32 [N, D]; a zero vector stays zero, NaN stays NaN.
        """
        if not len(examples):
            return np.zeros([0, 0], np.float32)
        found = self._model.call(SERVING_DEFAULT, examples.tolist(), self._batch_size)
        embeddings = found[EMBEDDING].astype(np.float32)
        return embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)

    def twins(self, num_twins: int, seed: int) -> Iterator["SavedEncoder"]:
        """Turns this encoder into its permuted twins, one after the other; the weights come back at the end.

        A twin has the same architecture and, tensor by tensor, the same weights in a random order: all
        that was learned is gone, all else stays. The weights of an untrained layer are independent and
        identically distributed, hence exchangeable: an untrained encoder and its twins are draws from one
        distribution, and whatever beats its twins clearly has learned something. This is a permutation
        test in the sense of Fisher; it needs to know neither the data set nor the initialiser.

        Only tensors with two or more axes longer than 1 are permuted: biases and the statistics of
        normalisation layers are equal within an untrained layer and stay.

        Args:
            num_twins: How many twins.
            seed: Seed of the permutations.

        Yields:
            This object, with permuted weights.
        """
        kernels = [variable for variable in self._model.variables(SERVING_DEFAULT) if _is_kernel(variable)]
        learned = [kernel.numpy() for kernel in kernels]
        if not kernels:
            return
        try:
            for twin in range(num_twins):
                random = np.random.default_rng([seed, twin])
                for kernel, values in zip(kernels, learned, strict=True):
                    kernel.assign(random.permutation(values.reshape(-1)).reshape(values.shape))
                yield self
        finally:
            for kernel, values in zip(kernels, learned, strict=True):
                kernel.assign(values)


def _is_kernel(variable: tf.Variable) -> bool:
    return variable.dtype.is_floating and sum(axis > 1 for axis in variable.shape) >= 2

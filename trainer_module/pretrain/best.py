"""The best encoder so far, kept on disk beside the checkpoints."""

import json
import os
import tempfile

import keras
import tensorflow as tf

_WEIGHTS = "best.weights.h5"
_SCORE = "best.json"


class BestEncoder:
    """Keeps the weights of the encoder with the highest score; a resumed run goes on from it."""

    def __init__(self, directory: str):
        """Reads what an earlier run kept in `directory`, local or remote."""
        self._directory = directory
        self._score_path = os.path.join(directory, _SCORE)
        self._best: dict[str, float] | None = None
        if tf.io.gfile.exists(self._score_path):
            with tf.io.gfile.GFile(self._score_path) as file:
                self._best = json.loads(file.read())

    @property
    def step(self) -> int | None:
        """Step of the best encoder; None before the first."""
        return None if self._best is None else int(self._best["step"])

    def offer(self, encoder: keras.Model, step: int, score: float) -> None:
        """Keeps the encoder if its score is higher than all before, or as high."""
        if self._best is not None and score < self._best["score"]:
            return
        self._best = {"step": step, "score": score}
        with tempfile.TemporaryDirectory() as scratch:  # Keras writes local files only
            local = os.path.join(scratch, _WEIGHTS)
            encoder.save_weights(local)
            tf.io.gfile.makedirs(self._directory)
            kept = os.path.join(self._directory, _WEIGHTS)
            tf.io.gfile.copy(local, f"{kept}.new", overwrite=True)
            tf.io.gfile.rename(f"{kept}.new", kept, overwrite=True)  # a kill leaves the old or the new ones
        with tf.io.gfile.GFile(self._score_path, "w") as file:  # last: it says that the weights are whole
            file.write(json.dumps(self._best))

    def restore(self, encoder: keras.Model) -> None:
        """Gives an encoder the best weights."""
        with tempfile.TemporaryDirectory() as scratch:
            local = os.path.join(scratch, _WEIGHTS)
            tf.io.gfile.copy(os.path.join(self._directory, _WEIGHTS), local)
            encoder.load_weights(local)

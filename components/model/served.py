"""A SavedModel of this pipeline as its consumers use it: through its signatures only."""

import dataclasses
import io
import json
import posixpath
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image

from tfx_contrastive.contract.errors import InputError, UnreadableImagesError
from tfx_contrastive.contract.signatures import (
    ALL_CLASSES,
    CLASSIFY_BYTES,
    EMBED_BYTES,
    EMBEDDING,
    IMAGE_BYTES,
    IMAGE_CONFIG_PATH,
    PREDICTED_LABEL,
    PROBABILITIES,
)

from .fingerprint import encoder_fingerprint

_ALL_BITS = 16

# Two calls at a time: decoding in one overlaps with the convolutions of the other.
_CALLS_IN_FLIGHT = 2


def trial_image() -> bytes:
    """A gray ramp of 32x32 as PNG, which every model takes: to see whether and what it answers."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((32, 32)).save(buffer, "PNG")
    return buffer.getvalue()


@dataclasses.dataclass(frozen=True)
class Classes:
    """What a classifier says of N images.

    Attributes:
        names: The classes, K.
        probabilities: float32 [N, K].
        labels: The most probable class of each image, N.
    """

    names: tuple[str, ...]
    probabilities: np.ndarray
    labels: tuple[str, ...]


class ServedModel:
    """A loaded model: encoded images to embeddings and, if it is a classifier, to classes."""

    def __init__(self, model_dir: str, batch_size: int = 256):
        """Loads the model.

        Args:
            model_dir: Directory of the SavedModel, local or remote.
            batch_size: Most images in one call.

        Raises:
            ValueError: If there is no SavedModel, or it has no signature `embed_bytes`.
        """
        import tensorflow as tf

        self.fingerprint = encoder_fingerprint(model_dir)
        self._tf: Any = tf
        self._model: Any = tf.saved_model.load(model_dir)  # signatures live as long as the model
        self.image = self._stated_image(model_dir)
        self._batch_size = batch_size
        self._pool = ThreadPoolExecutor(_CALLS_IN_FLIGHT)  # of all streams of batches together

    def _stated_image(self, model_dir: str) -> dict[str, Any]:
        """The part `image` of the configuration by which the model was trained; empty if it states none."""
        path = posixpath.join(model_dir, IMAGE_CONFIG_PATH)
        if not self._tf.io.gfile.exists(path):
            return {}  # a model from before there was a choice
        with self._tf.io.gfile.GFile(path) as file:
            return dict(json.load(file))

    @property
    def bit_depth(self) -> int:
        """Bits that the model takes of 16, as `image.bit_depth` was when it was trained."""
        return int(self.image.get("bit_depth", _ALL_BITS))

    @property
    def is_classifier(self) -> bool:
        """Whether `classify` can be called."""
        return CLASSIFY_BYTES in self._model.signatures

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the model's own order, as its answers name them; empty for an encoder."""
        return self.classify([trial_image()]).names if self.is_classifier else ()

    def embed(self, images: Sequence[bytes]) -> np.ndarray:
        """Embeds images.

        Args:
            images: Encoded images, N.

        Returns:
            Embeddings of length 1, float32 [N, D].

        Raises:
            UnreadableImagesError: If images can't be decoded.
        """
        if len(images) <= self._batch_size:
            return self._embed_batch(images, 0)
        starts = range(0, len(images), self._batch_size)
        batches = (images[start : start + self._batch_size] for start in starts)
        return np.concatenate(list(self.embed_batches(batches)))

    def embed_batches(self, batches: Iterable[Sequence[bytes]]) -> Iterator[np.ndarray]:
        """Embeds a stream of batches with two calls of the model under way at a time.

        Args:
            batches: Encoded images; each batch is one call of the model.

        Yields:
            float32 [B, D] for each batch, in order.

        Raises:
            UnreadableImagesError: If images can't be decoded; positions count from the stream's start.
        """
        pending: deque[Future[np.ndarray]] = deque()
        start = 0
        for batch in batches:
            pending.append(self._pool.submit(self._embed_batch, batch, start))
            start += len(batch)
            if len(pending) == _CALLS_IN_FLIGHT:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    def classify(self, images: Sequence[bytes]) -> Classes:
        """Classifies images.

        Args:
            images: Encoded images, N; at most one batch.

        Raises:
            ValueError: If the model is an encoder without a classifier, or N exceeds the batch size.
            UnreadableImagesError: If images can't be decoded.
        """
        if not self.is_classifier:
            raise InputError(
                f"The model has the signatures {sorted(self._model.signatures)}, none of them "
                f"{CLASSIFY_BYTES!r}: it was trained without labels and can't classify."
            )
        if len(images) > self._batch_size:
            raise InputError(f"Received {len(images)} images; expected {self._batch_size} at most.")
        found = self._call(CLASSIFY_BYTES, images, 0)
        names = found[ALL_CLASSES].numpy()
        return Classes(
            tuple(name.decode() for name in names[0]) if len(names) else (),
            found[PROBABILITIES].numpy(),
            tuple(label.decode() for label in found[PREDICTED_LABEL].numpy()),
        )

    def probabilities(self, images: Sequence[bytes]) -> Classes:
        """Classifies any number of images, batch after batch.

        Args:
            images: Encoded images, N, at least one.

        Raises:
            ValueError: If there is no image, or the model is an encoder without a classifier.
            UnreadableImagesError: If images can't be decoded.
        """
        if not images:
            raise InputError("Received no image; expected one or more.")
        starts = range(0, len(images), self._batch_size)
        parts = [self.classify(images[start : start + self._batch_size]) for start in starts]
        return Classes(
            parts[0].names,
            np.concatenate([part.probabilities for part in parts]),
            tuple(label for part in parts for label in part.labels),
        )

    def _embed_batch(self, images: Sequence[bytes], start: int) -> np.ndarray:
        return self._call(EMBED_BYTES, images, start)[EMBEDDING].numpy()

    def _call(self, signature: str, images: Sequence[bytes], start: int) -> dict[str, Any]:
        function = self._model.signatures[signature]
        try:
            return function(**{IMAGE_BYTES: self._tf.constant(list(images), self._tf.string)})
        except self._tf.errors.InvalidArgumentError as error:
            unreadable = [start + row for row, image in enumerate(images) if not self._reads(image)]
            if not unreadable:
                raise
            detail = error.message.splitlines()[0].strip()
            raise UnreadableImagesError(unreadable, detail) from error

    def _reads(self, image: bytes) -> bool:
        try:
            self._model.signatures[EMBED_BYTES](**{IMAGE_BYTES: self._tf.constant([image], self._tf.string)})
        except self._tf.errors.InvalidArgumentError:
            return False
        return True

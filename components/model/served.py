"""A model of this pipeline as its consumers use it: encoded images in, embeddings and classes out."""

import dataclasses
import io
import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import InputError, UnreadableImagesError
from tfx_contrastive.contract.signatures import (
    ALL_CLASSES,
    CLASSIFY_BYTES,
    EMBED_BYTES,
    EMBEDDING,
    IMAGE_CONFIG_PATH,
    PREDICTED_LABEL,
    PROBABILITIES,
)

from .fingerprint import encoder_fingerprint
from .saved import LoadedModel

_ALL_BITS = 16

# Two calls at a time: images of one are decoded while the encoder of the other computes.
_CALLS_IN_FLIGHT = 2


def trial_image() -> bytes:
    """Return a gray ramp of 32x32 pixels as PNG, an image that every model accepts."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((32, 32)).save(buffer, "PNG")
    return buffer.getvalue()


@dataclasses.dataclass(frozen=True)
class Classes:
    """The answer of a classifier to N images.

    Attributes:
        names: The K classes of the model, in the order of the probabilities.
        probabilities: float32 [N, K].
        labels: The most probable class of each image, N.
    """

    names: tuple[str, ...]
    probabilities: npt.NDArray[np.float32]
    labels: tuple[str, ...]


class ServedModel:
    """A loaded encoder or classifier."""

    def __init__(self, model_dir: str, batch_size: int = 256):
        """Load the model.

        Args:
            model_dir: Directory of the SavedModel, local or remote.
            batch_size: Maximum number of images per call of the model.

        Raises:
            ValueError: If there is no SavedModel, or it has no signature `embed_bytes`.
        """
        self.fingerprint = encoder_fingerprint(model_dir)
        self.image = _image_config(model_dir)
        self._model = LoadedModel(model_dir)
        self._batch_size = batch_size
        self._pool = ThreadPoolExecutor(_CALLS_IN_FLIGHT)  # shared by all streams of batches

    @property
    def bit_depth(self) -> int:
        """Number of bits per value that the model reads: `image.bit_depth` of its training, at most 16."""
        return int(self.image.get("bit_depth", _ALL_BITS))

    @property
    def is_classifier(self) -> bool:
        """True if `classify` can be called."""
        return CLASSIFY_BYTES in self._model.signatures

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the order of the probabilities; empty for an encoder."""
        return self.classify([trial_image()]).names if self.is_classifier else ()

    def embed(self, images: Sequence[bytes]) -> npt.NDArray[np.float32]:
        """Compute embeddings.

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

    def embed_batches(self, batches: Iterable[Sequence[bytes]]) -> Iterator[npt.NDArray[np.float32]]:
        """Compute embeddings of a stream of batches, with two calls of the model at a time.

        Args:
            batches: Batches of encoded images; each is one call of the model.

        Yields:
            float32 [B, D] for each batch, in order.

        Raises:
            UnreadableImagesError: If images can't be decoded; positions count from the first batch.
        """
        pending: deque[Future[npt.NDArray[np.float32]]] = deque()
        start = 0
        for batch in batches:
            pending.append(self._pool.submit(self._embed_batch, batch, start))
            start += len(batch)
            if len(pending) == _CALLS_IN_FLIGHT:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    def classify(self, images: Sequence[bytes]) -> Classes:
        """Classify at most one batch of images.

        Args:
            images: Encoded images, N.

        Raises:
            ValueError: If the model is an encoder without a classifier, or N exceeds the batch size.
            UnreadableImagesError: If images can't be decoded.
        """
        if not self.is_classifier:
            raise InputError(
                f"The model has the signatures {sorted(self._model.signatures)} and not {CLASSIFY_BYTES!r}: "
                "it was trained without labels and can't classify."
            )
        if len(images) > self._batch_size:
            raise InputError(f"Received {len(images)} images; expected {self._batch_size} at most.")
        found = self._call(CLASSIFY_BYTES, images, 0)
        names = found[ALL_CLASSES]
        return Classes(
            tuple(name.decode() for name in names[0]) if len(names) else (),
            found[PROBABILITIES],
            tuple(label.decode() for label in found[PREDICTED_LABEL]),
        )

    def probabilities(self, images: Sequence[bytes]) -> Classes:
        """Classify any number of images, batch by batch.

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

    def _embed_batch(self, images: Sequence[bytes], start: int) -> npt.NDArray[np.float32]:
        return self._call(EMBED_BYTES, images, start)[EMBEDDING]

    def _call(self, signature: str, images: Sequence[bytes], start: int) -> dict[str, npt.NDArray[Any]]:
        import tensorflow as tf

        try:
            return self._model.call(signature, images)
        except tf.errors.InvalidArgumentError as error:
            unreadable = [start + row for row, image in enumerate(images) if not self._reads(image)]
            if not unreadable:
                raise
            detail = error.message.splitlines()[0].strip()
            raise UnreadableImagesError(unreadable, detail) from error

    def _reads(self, image: bytes) -> bool:
        import tensorflow as tf

        try:
            self._model.call(EMBED_BYTES, [image])
        except tf.errors.InvalidArgumentError:
            return False
        return True


def _image_config(model_dir: str) -> dict[str, Any]:
    """Return the part `image` of the training configuration; empty for a model that does not contain it."""
    path = files.join(model_dir, IMAGE_CONFIG_PATH)
    return dict(json.loads(files.read_text(path))) if files.is_file(path) else {}

"""Bounded, deterministic samples of a split of tf.train.Example files."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfx_contrastive.components.examples import tfrecords
from tfx_contrastive.contract.examples import IMAGE, IMAGE_ID, LABEL

_READ_BATCH = 1_024


@dataclasses.dataclass(frozen=True)
class Sample:
    """Examples of a split.

    Attributes:
        examples: Serialized tf.train.Example, object [N] of bytes.
        images: Encoded images, object [N] of bytes.
        labels: Class names, object [N] of bytes; empty bytes where the label is unknown.
    """

    examples: NDArray[Any]
    images: NDArray[Any]
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.examples)

    def head(self, size: int) -> "Sample":
        """Return the first `size` examples: a smaller sample of the same split."""
        return Sample(self.examples[:size], self.images[:size], self.labels[:size])


class _SmallestIds:
    """The `capacity` examples with the smallest image ids.

    `image_id` is a SHA-256, so this is a uniform sample. It depends neither on the order of the files nor on
    their number, so the same data give the same results on every runner.
    """

    def __init__(self, capacity: int):
        self._capacity = capacity
        self._rows = [np.zeros([0], object) for _ in range(4)]  # id, example, image, label

    def add(
        self, ids: NDArray[Any], examples: NDArray[Any], images: NDArray[Any], labels: NDArray[Any]
    ) -> None:
        rows = [
            np.concatenate(pair) for pair in zip(self._rows, (ids, examples, images, labels), strict=True)
        ]
        kept = np.argsort(rows[0], kind="stable")[: self._capacity]
        self._rows = [row[kept] for row in rows]

    def sample(self) -> Sample:
        return Sample(*self._rows[1:])


def read_samples(split_dirs: Sequence[str], num_any: int, num_labeled: int) -> tuple[Sample, Sample]:
    """Draw two samples of a split in one pass.

    Args:
        split_dirs: Directories of TFRecord files (gzip where a name ends in `.gz`), local or remote.
        num_any: Maximum size of the sample of all examples.
        num_labeled: Maximum size of the sample of labeled examples.

    Returns:
        The sample of all examples and the sample of the labeled ones.
    """
    any_label, labeled = _SmallestIds(num_any), _SmallestIds(num_labeled)
    for path in tfrecords.paths_in(split_dirs):
        records = tfrecords.as_dataset(path)
        for batch in records.batch(_READ_BATCH).prefetch(2).as_numpy_iterator():
            ids, images, labels = _parse(batch)
            any_label.add(ids, batch, images, labels)
            has_label = labels != b""
            labeled.add(ids[has_label], batch[has_label], images[has_label], labels[has_label])
    return any_label.sample(), labeled.sample()


def _parse(batch: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    features = tf.io.parse_example(
        batch,
        {
            IMAGE_ID: tf.io.FixedLenFeature([], tf.string),
            IMAGE: tf.io.FixedLenFeature([], tf.string),
            LABEL: tf.io.FixedLenFeature([], tf.string, default_value=""),
        },
    )
    return features[IMAGE_ID].numpy(), features[IMAGE].numpy(), features[LABEL].numpy()

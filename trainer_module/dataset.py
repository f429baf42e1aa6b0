"""Reading examples through the Transform graph into a compact cache of uint8 pixels."""

import dataclasses
import os
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy.typing import NDArray

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import IMAGE, IMAGE_ID, LABEL
from tfx_contrastive.trainer_module.preprocessing import LABEL_INDEX_KEY, channel_statistics

# Pixels per batch in the graph, where each takes four bytes.
_BATCH_PIXELS = 8_000_000
_MAX_BATCH = 512
_MIB = 1 << 20


@dataclasses.dataclass(frozen=True)
class ImageFiles:
    """The inputs of a training stage.

    Attributes:
        train: TFRecord files, or glob patterns, of the images to train on.
        evaluation: TFRecord files, or glob patterns, of the `eval` split.
        transform_dir: Output of the Transform component.
    """

    train: Sequence[str]
    evaluation: Sequence[str]
    transform_dir: str


@dataclasses.dataclass(frozen=True)
class ImageDataset:
    """Images of some splits, decoded by the Transform graph.

    Attributes:
        images: uint8 [N, H, W, C], in memory or memory-mapped.
        label_index: int64 [N], index of the class, -1 if the image has no label.
        image_id: bytes [N] (object array), identifier of the image.
        mean: float32 [C], mean of each channel over the training split, for pixels in [0, 1].
        std: float32 [C], standard deviation of each channel, in the same unit.
    """

    images: NDArray[Any]
    label_index: NDArray[Any]
    image_id: NDArray[Any]
    mean: NDArray[Any]
    std: NDArray[Any]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    def labeled(self) -> "ImageDataset":
        """Return the labeled images, in memory."""
        rows = np.flatnonzero(self.label_index >= 0)
        return dataclasses.replace(
            self,
            images=self.images[rows],
            label_index=self.label_index[rows],
            image_id=self.image_id[rows],
        )


def read_images(
    patterns: Sequence[str],
    tf_transform_output: tft.TFTransformOutput,
    cache_limit_mb: int = 2048,
    cache_dir: str | None = None,
) -> ImageDataset:
    """Read TFRecord files of `tf.train.Example` through the Transform graph.

    Images keep the order of the files as given and of the records in them.

    Args:
        patterns: TFRecord files, plain or gzipped by their suffix. Glob patterns are expanded and sorted.
        tf_transform_output: Output of the Transform component.
        cache_limit_mb: Pixels beyond this many MiB go to a memory-mapped file.
        cache_dir: Directory of that file; None: the system's temporary directory. The file has no
            name and disappears with the process.

    Returns:
        All images of the files.

    Raises:
        ValueError: If no file matches, or the files contain no image.
    """
    records = read_records(patterns)
    store: _PixelStore | None = None
    labels: list[NDArray[Any]] = []
    ids: list[NDArray[Any]] = []
    for batch in transformed_batches(records, tf_transform_output):
        if store is None:
            store = _PixelStore(batch[IMAGE].shape[1:], cache_limit_mb, cache_dir)
        store.append(batch[IMAGE])
        labels.append(batch[LABEL_INDEX_KEY])
        ids.append(batch[IMAGE_ID])
    if store is None:
        raise DataError(f"the files {list(patterns)} contain no image: check the split")
    mean, std = channel_statistics(tf_transform_output)
    return ImageDataset(store.finish(), np.concatenate(labels), np.concatenate(ids), mean, std)


def read_records(patterns: Sequence[str]) -> tf.data.Dataset:
    """Return the serialized examples of files, scalar strings, in the order of files and records.

    Args:
        patterns: TFRecord files, all plain or all gzipped by their suffix. Glob patterns are expanded and
            sorted.

    Raises:
        ValueError: If no file matches.
    """
    paths = [path for pattern in patterns for path in files.glob(pattern)]
    if not paths:
        raise ValueError(f"no file matches {list(patterns)}: give the TFRecord files of a split")
    compression = "GZIP" if paths[0].endswith(".gz") else ""
    return tf.data.TFRecordDataset(paths, compression_type=compression, buffer_size=8 << 20)


def transformed_batches(
    records: tf.data.Dataset, tf_transform_output: tft.TFTransformOutput
) -> Iterable[dict[str, NDArray[Any]]]:
    """Pass records through the Transform graph in batches.

    Args:
        records: Serialized examples, from `read_records`.
        tf_transform_output: Output of the Transform component.

    Returns:
        Iterable of dictionaries with `image`, uint8 [B, H, W, C], `label_index`, int64 [B], and `image_id`,
        bytes [B].
    """
    raw_spec = tf_transform_output.raw_feature_spec()
    graph_spec = {key: raw_spec[key] for key in (IMAGE, LABEL) if key in raw_spec}
    layer = tf_transform_output.transform_features_layer()
    pixels = np.prod(tf_transform_output.transformed_feature_spec()[IMAGE].shape)

    def parse(records: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = tf.io.parse_example(records, {IMAGE_ID: tf.io.FixedLenFeature([], tf.string)})
        features = layer(tf.io.parse_example(records, graph_spec))
        return {
            IMAGE: tf.cast(features[IMAGE], tf.uint8),
            LABEL_INDEX_KEY: features[LABEL_INDEX_KEY],
            IMAGE_ID: ids[IMAGE_ID],
        }

    batch = int(np.clip(_BATCH_PIXELS // pixels, 1, _MAX_BATCH))
    batches: Iterable[dict[str, NDArray[Any]]] = (
        records.batch(batch)
        .map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(2)
        .as_numpy_iterator()
    )
    return batches


class _PixelStore:
    """A growing array of images: in memory up to a limit, then in a file."""

    def __init__(self, shape: tuple[int, ...], limit_mb: int, directory: str | None):
        self._shape = shape
        self._limit = limit_mb * _MIB
        self._directory = directory
        self._chunks: list[NDArray[Any]] = []
        self._bytes = 0
        self._rows = 0
        self._file: tempfile.TemporaryFile | None = None  # type: ignore[valid-type]

    def append(self, images: NDArray[Any]) -> None:
        self._rows += len(images)
        self._bytes += images.nbytes
        if self._file is None and self._bytes > self._limit:
            if self._directory:
                os.makedirs(self._directory, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=self._directory, prefix="pixels-")  # noqa: SIM115
            for chunk in self._chunks:
                self._file.write(chunk.data)
            self._chunks.clear()
        if self._file is None:
            self._chunks.append(images)
        else:
            self._file.write(np.ascontiguousarray(images).data)

    def finish(self) -> NDArray[Any]:
        if self._file is None:
            return np.concatenate(self._chunks)
        with self._file:  # the memory map keeps the data when the file is closed, which removes its name
            self._file.flush()
            return np.memmap(self._file, dtype=np.uint8, mode="r", shape=(self._rows, *self._shape))

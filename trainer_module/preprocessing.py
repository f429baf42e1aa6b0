"""The Transform graph: encoded bytes to pixels, labels to class indices. The served model contains it too.

Two facts about the training split are assets beside the graph: the class names, and mean and standard
deviation of each channel.
"""

import json
import posixpath
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from numpy.typing import NDArray

from tfx_contrastive.contract import files
from tfx_contrastive.contract.examples import IMAGE, LABEL
from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.images import channel_moments, decode_images

LABEL_INDEX_KEY = "label_index"
LABELS_ASSET = "labels"
STATISTICS_ASSET = "channel_statistics.json"

# A constant channel has no variance; its standard deviation counts as one gray level.
_MIN_STD = 1.0 / 255.0
# A lookup table refuses an empty file. TFT separates labels by newlines, so no label can be this.
_NO_CLASSES = b"\x00no classes"


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Build the features that both training stages and every serving signature read.

    Args:
        inputs: Raw features of the data contract. `image` (encoded bytes) is required; `label` may be missing
            from the schema, or absent from some examples.
        custom_config: `{"image": ImageConfig as JSON}`.

    Returns:
        `image`: float32 [B, H, W, C], whole numbers from 0 to 255. TFT has no uint8 outputs; every reader in
            this project casts it to uint8 without loss.
        `label_index`: int64 [B], -1 where the label is absent. No serving signature returns it.
    """
    config = ImageConfig.model_validate_json(custom_config["image"])
    contents = _present(inputs[IMAGE])
    _write_channel_statistics(channel_moments(contents, config))
    label = inputs.get(LABEL)
    no_label = tf.fill([tf.shape(contents)[0]], tf.constant(-1, tf.int64))
    return {
        IMAGE: tf.cast(decode_images(contents, config), tf.float32),
        LABEL_INDEX_KEY: no_label if label is None else _index(label),
    }


def class_names(tf_transform_output: tft.TFTransformOutput) -> tuple[str, ...]:
    """Return the class names in the order of `label_index`; empty if the data has no labels."""
    path = _asset(tf_transform_output, LABELS_ASSET)
    if not files.is_file(path):
        return ()
    lines = files.read_bytes(path).rstrip(b"\n").split(b"\n")
    return () if lines == [_NO_CLASSES] else tuple(line.decode("utf-8") for line in lines)


def channel_statistics(tf_transform_output: tft.TFTransformOutput) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return mean and standard deviation of each channel over the training split.

    Returns:
        float32 [C] each, for pixels scaled to [0, 1]. The standard deviation is at least 1/255.

    Raises:
        ValueError: If the Transform graph has no such asset.
    """
    path = _asset(tf_transform_output, STATISTICS_ASSET)
    if not files.is_file(path):
        raise ValueError(f"there is no {path}: give the output of this version's Transform component")
    statistics = json.loads(files.read_text(path))
    return np.array(statistics["mean"], np.float32), np.array(statistics["std"], np.float32)


def _asset(tf_transform_output: tft.TFTransformOutput, name: str) -> str:
    return posixpath.join(tf_transform_output.transform_savedmodel_dir, "assets", name)


def _present(feature: Any) -> tf.Tensor:
    """Return the values that are present, in the order of the rows, from a sparse or a dense feature."""
    if isinstance(feature, tf.SparseTensor):
        return feature.values  # at most one per row, by the data contract
    return tf.reshape(feature, [-1])


def _index(label: Any) -> tf.Tensor:
    """Return the class index of each row, int64 [B]; -1 where the label is absent."""
    present = _present(label)
    index = label_index(present, sorted_vocabulary(present))
    if not isinstance(label, tf.SparseTensor):
        return index
    row = label.indices[:, :1]
    absent = tf.fill([label.dense_shape[0]], tf.constant(-1, tf.int64))
    return tf.tensor_scatter_nd_update(absent, row, index)


def label_index(labels: tf.Tensor, vocabulary_path: tf.Tensor) -> tf.Tensor:
    """Return the index of each label in the vocabulary, int64 of the same shape; -1 for an unknown label."""
    return tft.apply_vocabulary(labels, vocabulary_path, default_value=-1)


def sorted_vocabulary(labels: tf.Tensor) -> tf.Tensor:
    """Collect the distinct labels of the whole data set, sorted by their bytes (a TFT analyzer).

    `tft.vocabulary` sorts by frequency, so that a few new images could renumber all classes.

    Args:
        labels: Labels that are present, string [number of labels in the batch].

    Returns:
        Path of the vocabulary asset, scalar string.
    """
    return _asset_of(labels, WriteSortedVocabulary(), _NO_CLASSES, "sorted_vocabulary")


def _write_channel_statistics(moments: tf.Tensor) -> tf.Tensor:
    """Write the asset with mean and standard deviation; `moments` are of each image, float32 [B, 2C]."""
    return _asset_of(moments, WriteChannelStatistics(), b"{}", "channel_statistics")


def _asset_of(values: tf.Tensor, analyzer: beam.PTransform, default: bytes, name: str) -> tf.Tensor:
    """Run an analyzer that writes an asset; return the asset's path, scalar string."""
    (path,) = tft.experimental.ptransform_analyzer(
        inputs=[values],
        ptransform=analyzer,
        output_dtypes=[tf.string],
        output_shapes=[[]],
        output_asset_default_values=[default],
        name=name,
    )
    return path


class WriteSortedVocabulary(tft_beam.experimental.PTransformAnalyzer):
    """Batches of labels -> path of a text file with the distinct labels, one per line, in byte order."""

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Return a PCollection of one path."""
        path = posixpath.join(self.base_temp_dir, LABELS_ASSET)
        return (
            pcoll
            | "Unique" >> beam.CombineGlobally(_UniqueCombineFn())
            | "Write" >> beam.Map(_write_lines, path).with_output_types(np.ndarray)
        )


class WriteChannelStatistics(tft_beam.experimental.PTransformAnalyzer):
    """Batches of channel moments -> path of a JSON file with `mean` and `std`, one number per channel."""

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Return a PCollection of one path."""
        path = posixpath.join(self.base_temp_dir, STATISTICS_ASSET)
        return (
            pcoll
            | "Mean" >> beam.CombineGlobally(_MeanCombineFn())
            | "Write" >> beam.Map(_write_statistics, path).with_output_types(np.ndarray)
        )


class _UniqueCombineFn(beam.CombineFn):
    """The set of all values of arrays."""

    def create_accumulator(self) -> set[bytes]:
        return set()

    def add_input(self, mutable_accumulator: set[bytes], element: tuple[NDArray[Any]]) -> set[bytes]:
        mutable_accumulator.update(element[0].tolist())
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[set[bytes]]) -> set[bytes]:
        return set().union(*accumulators)

    def extract_output(self, accumulator: set[bytes]) -> list[bytes]:
        return sorted(accumulator) or [_NO_CLASSES]


class _MeanCombineFn(beam.CombineFn):
    """The mean over all rows of float matrices, in float64."""

    def create_accumulator(self) -> tuple[int, NDArray[Any] | float]:
        return 0, 0.0

    def add_input(
        self, mutable_accumulator: tuple[int, NDArray[Any] | float], element: tuple[NDArray[Any]]
    ) -> tuple[int, NDArray[Any] | float]:
        count, total = mutable_accumulator
        return count + len(element[0]), total + element[0].sum(axis=0, dtype=np.float64)

    def merge_accumulators(
        self, accumulators: Iterable[tuple[int, NDArray[Any] | float]]
    ) -> tuple[int, NDArray[Any] | float]:
        counts, totals = zip(*accumulators, strict=True)
        return sum(counts), sum(totals)

    def extract_output(self, accumulator: tuple[int, NDArray[Any] | float]) -> NDArray[Any]:
        count, total = accumulator
        return np.asarray(total) / max(count, 1)


def _write_lines(lines: list[bytes], path: str) -> NDArray[Any]:
    for line in lines:
        if b"\n" in line or b"\r" in line:
            raise ValueError(f"the label {line!r} contains a line break: rename this class")
    return _write(b"\n".join(lines) + b"\n", path)


def _write_statistics(moments: NDArray[Any], path: str) -> NDArray[Any]:
    """Write mean and standard deviation from the mean of x and of x^2, float64 [2C]; return the path."""
    first, second = np.split(moments, 2)
    std = np.sqrt(np.maximum(second - np.square(first), _MIN_STD**2))
    statistics = {"mean": first.astype(np.float32).tolist(), "std": std.astype(np.float32).tolist()}
    return _write(json.dumps(statistics).encode(), path)


def _write(content: bytes, path: str) -> NDArray[Any]:
    files.write_bytes(path, content)
    return np.array(path.encode(), dtype=object)

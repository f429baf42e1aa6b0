"""The Transform graph: encoded bytes to pixels, labels to class indices. The same graph serves."""

import posixpath
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

from tfx_contrastive.contract.examples import IMAGE, LABEL
from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.images import channel_moments, decode_images

LABEL_INDEX_KEY = "label_index"
IMAGE_MEAN_KEY = "image_mean"
IMAGE_STD_KEY = "image_std"

# A constant channel has no variance; one grey level is the finest difference there can be.
_MIN_STD = 1.0 / 255.0


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Builds the features that both training stages and every serving signature read.

    Args:
        inputs: Raw features of the data contract. `image` (encoded bytes) is needed; `label` may be
            missing from the schema, or absent from some examples.
        custom_config: `{"image": ImageConfig as JSON}`.

    Returns:
        `image`: float32 [B, H, W, C], whole numbers from 0 to 255. TFT lets no uint8 out of its graph;
            every reader of this project casts it to uint8, which loses nothing.
        `label_index`: int64 [B], -1 where the label is absent. Internal: no signature returns it.
        `image_mean`, `image_std`: float32 [B, C], statistics of the training split in units of [0, 1]
            pixels, the same in every row.
    """
    config = ImageConfig.model_validate_json(custom_config["image"])
    contents = _one_a_row(inputs[IMAGE])
    mean, std = _channel_statistics(contents, config)
    rows = tf.shape(contents)[0]
    label = inputs.get(LABEL)
    return {
        IMAGE: tf.cast(decode_images(contents, config), tf.float32),
        LABEL_INDEX_KEY: tf.fill([rows], tf.constant(-1, tf.int64)) if label is None else _index(label),
        IMAGE_MEAN_KEY: tf.tile(mean[tf.newaxis], [rows, 1]),
        IMAGE_STD_KEY: tf.tile(std[tf.newaxis], [rows, 1]),
    }


def _channel_statistics(contents: tf.Tensor, config: ImageConfig) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and standard deviation of each channel over all pixels of the split, float32 [C] each."""
    moments = tft.mean(
        channel_moments(contents, config), reduce_instance_dims=False, output_dtype=tf.float64
    )  # [2C]
    first, second = moments[: config.channels], moments[config.channels :]
    std = tf.sqrt(tf.maximum(second - tf.square(first), _MIN_STD**2))
    shape = [config.channels]
    return tf.ensure_shape(tf.cast(first, tf.float32), shape), tf.ensure_shape(
        tf.cast(std, tf.float32), shape
    )


def _index(label: Any) -> tf.Tensor:
    """Class index of each row, int64 [B]; -1 where there is no label."""
    present = label.values if isinstance(label, tf.SparseTensor) else tf.reshape(label, [-1])
    index = label_index(present, sorted_vocabulary(present))
    if not isinstance(label, tf.SparseTensor):
        return index
    row = label.indices[:, :1]
    absent = tf.fill([label.dense_shape[0]], tf.constant(-1, tf.int64))
    return tf.tensor_scatter_nd_update(absent, row, index)


def _one_a_row(feature: Any) -> tf.Tensor:
    """The single value of each row, string [B], whether the schema fixed the feature's shape or not."""
    if isinstance(feature, tf.SparseTensor):
        return feature.values  # present once in every example, by the data contract
    return tf.reshape(feature, [-1])


LABELS_ASSET = "labels"
# A lookup table refuses an empty file. TFT keeps lines apart by newlines, so no label can be this.
_NO_CLASSES = b"\x00no classes"


class _UniqueCombineFn(beam.CombineFn):
    """The set of all values, gathered set by set."""

    def create_accumulator(self) -> set[bytes]:
        return set()

    def add_input(self, mutable_accumulator: set[bytes], element: tuple[np.ndarray]) -> set[bytes]:
        mutable_accumulator.update(element[0].tolist())
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[set[bytes]]) -> set[bytes]:
        return set().union(*accumulators)

    def extract_output(self, accumulator: set[bytes]) -> list[bytes]:
        return sorted(accumulator) or [_NO_CLASSES]


class WriteSortedVocabulary(tft_beam.experimental.PTransformAnalyzer):
    """Batches of labels -> path of a text file with the distinct ones, one a line, in byte order."""

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        """Returns a PCollection of one path."""
        path = posixpath.join(self.base_temp_dir, LABELS_ASSET)
        return (
            pcoll
            | "Unique" >> beam.CombineGlobally(_UniqueCombineFn())
            | "Write" >> beam.Map(_write_lines, path)
        )


def _write_lines(lines: list[bytes], path: str) -> np.ndarray:
    for line in lines:
        if b"\n" in line or b"\r" in line:
            raise ValueError(f"the label {line!r} holds a line break: rename this class to a single line")
    tf.io.gfile.makedirs(posixpath.dirname(path))
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(b"\n".join(lines) + b"\n")
    return np.array(path.encode(), dtype=object)


def sorted_vocabulary(labels: tf.Tensor) -> tf.Tensor:
    """TFT analyzer: the distinct labels of the whole data set, sorted by their bytes.

    Args:
        labels: Labels that are present, string [num_labels_of_batch].

    Returns:
        Path of the vocabulary asset, scalar string.
    """
    (path,) = tft.experimental.ptransform_analyzer(
        inputs=[labels],
        ptransform=WriteSortedVocabulary(),
        output_dtypes=[tf.string],
        output_shapes=[[]],
        output_asset_default_values=[_NO_CLASSES],
        name="sorted_vocabulary",
    )
    return path


def label_index(labels: tf.Tensor, vocabulary_path: tf.Tensor) -> tf.Tensor:
    """Index of each label in the vocabulary, int64 of the same shape; -1 for one that is not in it."""
    return tft.apply_vocabulary(labels, vocabulary_path, default_value=-1)


def class_names(tf_transform_output: tft.TFTransformOutput) -> tuple[str, ...]:
    """Class names in the order of `label_index`; empty when the data has no label."""
    path = posixpath.join(tf_transform_output.transform_savedmodel_dir, "assets", LABELS_ASSET)
    if not tf.io.gfile.exists(path):
        return ()
    with tf.io.gfile.GFile(path, "rb") as file:
        lines = file.read().rstrip(b"\n").split(b"\n")
    return () if lines == [_NO_CLASSES] else tuple(line.decode("utf-8") for line in lines)

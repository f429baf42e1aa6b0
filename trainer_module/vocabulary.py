"""The label vocabulary: an analyzer that orders class names by name, and its readers.

`tft.vocabulary` orders by frequency, so that a few more images could renumber all classes.
"""

import posixpath
from collections.abc import Iterable

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

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

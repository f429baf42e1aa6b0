"""Small real data for the trainer's tests: scikit-learn's digits as PNGs, through a real Transform."""

import pathlib
import tempfile
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.preprocessing import preprocessing_fn

RAW_SPEC = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.VarLenFeature(tf.string),
}


def digit_pixels(count: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The first digits: uint8 [count, 8, 8] and labels int [count]."""
    digits = load_digits()
    return (digits.images[:count] * 255 / 16).astype(np.uint8), digits.target[:count]


def encode_png(pixels: NDArray[Any]) -> bytes:
    """PNG of uint8 [H, W] or [H, W, C]."""
    return bytes(tf.io.encode_png(np.atleast_3d(pixels)).numpy())


def make_example(image: bytes, label: str | None = None) -> bytes:
    """A serialized tf.train.Example of the data contract; without `label` where that is None."""

    def bytes_feature(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    features = {"image": bytes_feature(image), "image_id": bytes_feature(image[-20:])}
    if label is not None:
        features["label"] = bytes_feature(label.encode())
    return bytes(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def write_records(path: pathlib.Path, examples: list[bytes]) -> str:
    """Write one TFRecord file; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            writer.write(example)
    return str(path)


def run_transform(
    directory: pathlib.Path,
    examples: list[bytes],
    config: ImageConfig,
    raw_spec: dict[str, Any] | None = None,
) -> tft.TFTransformOutput:
    """Analyze examples with the project's preprocessing_fn, as the Transform component does."""
    spec = RAW_SPEC if raw_spec is None else raw_spec
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    rows = [
        {key: value.numpy() for key, value in tf.io.parse_single_example(one, _dense(spec)).items()}
        for one in examples
    ]
    for row in rows:
        row["label"] = [row["label"]] if row.get("label") else []
    rows = [{key: row[key] for key in spec} for row in rows]
    custom_config = {"image": config.model_dump_json()}
    with (
        tempfile.TemporaryDirectory() as scratch,
        beam.Pipeline("DirectRunner") as pipeline,
        tft_beam.Context(temp_dir=scratch, force_tf_compat_v1=False),
    ):
        data = pipeline | beam.Create(rows)
        fn = (data, metadata) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing_fn(inputs, custom_config)
        )
        _ = fn | tft_beam.WriteTransformFn(str(directory))
    metadata_io.write_metadata(metadata, str(directory / tft.TFTransformOutput.RAW_METADATA_DIR))
    return tft.TFTransformOutput(str(directory))


def _dense(spec: dict[str, Any]) -> dict[str, Any]:
    return {key: tf.io.FixedLenFeature([], tf.string, default_value="") for key in spec}

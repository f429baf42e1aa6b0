"""Inputs that several benchmarks share: finished runs, pretrained encoders and Transform graphs."""

import pathlib
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.pipeline.config import PipelineConfig, load_config
from tfx_contrastive.pipeline.runs.lineage import Lineage, Run
from tfx_contrastive.pipeline.runs.metadata import connection_config


def finished_run(root: str = "") -> tuple[PipelineConfig, Run]:
    """Return the configuration and the newest run of Fashion-MNIST.

    Args:
        root: Root of the pipeline; empty for the default, where `make run` puts it.
    """
    config = load_config("fashion_mnist", [f"root={root}"] if root else [])
    return config, Lineage(connection_config(config), config.name).run()


def output_uri(run: Run, node_id: str, key: str) -> str:
    """Return the URI of an output of a run.

    Raises:
        LookupError: If the run has no such node.
    """
    node = run.node(node_id)
    if node is None:
        raise LookupError(f"run {run.id} has no node {node_id}")
    return node.output(key).uri


def pretrained(images: npt.NDArray[np.uint8], config: Any) -> Any:
    """Pretrain an encoder on images without labels.

    Args:
        images: uint8 [N, H, W, C].
        config: `PretrainConfig` of the training.

    Returns:
        The Keras model of the encoder: pixels [B, H, W, C] to h, float32 [B, D].
    """
    from tfx_contrastive.trainer_module.dataset import ImageDataset
    from tfx_contrastive.trainer_module.pretrain.loop import pretrain

    scaled = images / np.float32(255.0)
    dataset = ImageDataset(
        images,
        np.full(len(images), -1, np.int64),
        np.array([b"%d" % row for row in range(len(images))], object),
        scaled.mean(axis=(0, 1, 2)),
        scaled.std(axis=(0, 1, 2)),
    )
    with tempfile.TemporaryDirectory() as folder:
        return pretrain(dataset, config, f"{folder}/checkpoints", f"{folder}/logs")


def transform_graph(directory: pathlib.Path, images: list[bytes]) -> Any:
    """Analyze images with the project's `preprocessing_fn`, as the Transform component does.

    Args:
        directory: Directory for the graph.
        images: Encoded images.

    Returns:
        The `TFTransformOutput`.
    """
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform as tft
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

    from tfx_contrastive.trainer_module.config import ImageConfig
    from tfx_contrastive.trainer_module.preprocessing import preprocessing_fn

    spec = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.VarLenFeature(tf.string)}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    custom_config = {"image": ImageConfig().model_dump_json()}
    with (
        tempfile.TemporaryDirectory() as scratch,
        beam.Pipeline("DirectRunner") as pipeline,
        tft_beam.Context(temp_dir=scratch, force_tf_compat_v1=False),
    ):
        rows = pipeline | beam.Create([{"image": image, "label": []} for image in images])
        function = (rows, metadata) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing_fn(inputs, custom_config)
        )
        _ = function | tft_beam.WriteTransformFn(str(directory))
    metadata_io.write_metadata(metadata, str(directory / tft.TFTransformOutput.RAW_METADATA_DIR))
    return tft.TFTransformOutput(str(directory))

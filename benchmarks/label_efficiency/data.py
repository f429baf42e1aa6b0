"""Fashion-MNIST as the pipeline reads it, with every label, or with those of a label budget."""

import dataclasses

import numpy as np
import tensorflow_transform as tft
from tfx import v1 as tfx
from tfx.orchestration.beam.beam_dag_runner import BeamDagRunner

from benchmarks.prepared import output_uri
from tfx_contrastive.components.image_example_gen import inspect_source
from tfx_contrastive.pipeline import pipeline as topology
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.runs.lineage import Lineage
from tfx_contrastive.pipeline.runs.metadata import connection_config
from tfx_contrastive.pipeline.source import source_of
from tfx_contrastive.trainer_module.dataset import ImageDataset, read_images
from tfx_contrastive.trainer_module.preprocessing import class_names

SPLITS = ("train", "eval", "test")


@dataclasses.dataclass(frozen=True)
class Splits:
    """The three splits, every image with its label, and the names of the classes."""

    train: ImageDataset
    eval: ImageDataset
    test: ImageDataset
    class_names: tuple[str, ...]


def read_splits(config: PipelineConfig) -> Splits:
    """Run the data stage of the pipeline (cached from the second time on) and decode the images."""
    data = topology.data_stage(config, source_of(config, inspect_source(config.data)))
    BeamDagRunner().run(
        tfx.dsl.Pipeline(
            config.name,
            config.root,
            components=list(data.nodes),
            enable_cache=True,
            metadata_connection_config=connection_config(config),
        )
    )
    run = Lineage(connection_config(config), config.name).run()
    examples = output_uri(run, "ImageExampleGen", "examples")
    graph = tft.TFTransformOutput(output_uri(run, "Transform", "transform_graph"))
    train, evaluation, test = (read_images([f"{examples}/Split-{split}/*"], graph) for split in SPLITS)
    return Splits(train, evaluation, test, tuple(class_names(graph)))


def with_budget(train: ImageDataset, labels_per_class: int | None, seed: int) -> ImageDataset:
    """Return the training images with only a few of their labels.

    Args:
        train: Images, all labeled.
        labels_per_class: Number of images per class that keep their label, chosen at random; None for all.
        seed: Seed of the choice.

    Returns:
        The same images; `label_index` is -1 if the label is hidden.

    Raises:
        ValueError: If a class has fewer images.
    """
    if labels_per_class is None:
        return train
    random = np.random.default_rng([seed, labels_per_class])
    hidden = np.full_like(train.label_index, -1)
    for index in range(int(train.label_index.max()) + 1):
        rows = np.flatnonzero(train.label_index == index)
        if len(rows) < labels_per_class:
            raise ValueError(
                f"class {index} has {len(rows)} images, the budget needs {labels_per_class} per class"
            )
        hidden[random.choice(rows, labels_per_class, replace=False)] = index
    return dataclasses.replace(train, label_index=hidden)

"""The whole stage: read the splits, train the head, export what is served."""

import dataclasses
import json
import os
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_transform as tft

from tfx_contrastive.contract.signatures import METRICS_PATH
from tfx_contrastive.trainer_module.config import HeadConfig, ServingConfig
from tfx_contrastive.trainer_module.dataset import read_images
from tfx_contrastive.trainer_module.encoders import load_encoder
from tfx_contrastive.trainer_module.head.train import HeadMetrics, train_head
from tfx_contrastive.trainer_module.serving import export_classifier, write_image_config
from tfx_contrastive.trainer_module.serving.exports import Parts, write_exports
from tfx_contrastive.trainer_module.vocabulary import class_names


def run(
    train_files: Sequence[str],
    eval_files: Sequence[str],
    transform_dir: str,
    encoder_dir: str,
    model_dir: str,
    config: HeadConfig,
    serving: ServingConfig,
) -> HeadMetrics:
    """Trains a classifier on a pretrained encoder and writes it as a SavedModel.

    Args:
        train_files: TFRecord files of the training split, or glob patterns.
        eval_files: The same of the `eval` split.
        transform_dir: Output of the Transform component.
        encoder_dir: The Pretrainer's model directory.
        model_dir: Where the SavedModel goes; `assets.extra/metrics.json` in it holds the figures.
        config: How to train.
        serving: What consumers get.

    Returns:
        The figures.

    Raises:
        ValueError: If the labels can't teach a classifier, or a directory is not what it should be.
        ConfigError: If an export needs a package that is not there.
    """
    serving.export.check_installed()
    tf_transform_output = tft.TFTransformOutput(transform_dir)
    names = class_names(tf_transform_output)
    train, evaluation = (
        read_images(files, tf_transform_output, config.cache_limit_mb) for files in (train_files, eval_files)
    )
    trained = train_head(load_encoder(encoder_dir), train, evaluation, names, config)
    export_classifier(
        model_dir, trained.encoder, trained.head, names, tf_transform_output, serving.max_pixels
    )
    write_image_config(model_dir, serving.image)
    parts = Parts(trained.encoder, trained.head, names)
    write_exports(model_dir, parts, train.images, evaluation, eval_files, serving.export)
    path = os.path.join(model_dir, METRICS_PATH)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(dataclasses.asdict(trained.metrics), indent=2, ensure_ascii=False))
    return trained.metrics

"""Fine-tuning on the labelled images."""

import math
from collections.abc import Iterator
from typing import TypeVar

import keras
import numpy as np
import tensorflow as tf

from tfx_contrastive.trainer_module.config import FineTuneConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.head.classifier import LinearClassifier
from tfx_contrastive.trainer_module.head.progress import HeadProgress
from tfx_contrastive.trainer_module.head.student import Student


def fine_tune(
    encoder: keras.Model,
    probe: LinearClassifier,
    labelled: ImageDataset,
    weights: np.ndarray,
    config: FineTuneConfig,
    seed: int,
) -> Student:
    """Trains encoder and classifier on views of the labelled images.

    Args:
        encoder: Pretrained encoder; it is not changed.
        probe: The start of the classifier, fitted on `encoder`.
        labelled: Labelled training images.
        weights: Weight of each class, float32 [K].
        config: Views, rates, steps.
        seed: Seed of batches and views.

    Returns:
        The trained student.
    """
    config = long_enough(config, len(labelled), config.batch_size)
    student = Student(encoder, probe, config, seed)
    random = np.random.default_rng([seed, 1])
    targets = smooth_targets(labelled.label_index, len(weights), config.label_smoothing)
    image_weights = weights[labelled.label_index]
    batches = endless_batches(len(labelled), config.batch_size, random)
    progress = HeadProgress("fine-tuning", config.num_steps, config.log_every)
    for step in range(1, config.num_steps + 1):
        rows = next(batches)
        loss = student.step(
            tf.constant(labelled.images[rows]),
            tf.constant(targets[rows]),
            tf.constant(image_weights[rows]),
            tf.constant(draw_share(config.mixup, random), tf.float32),
        )
        if progress.due(step):
            progress.report(step, float(loss), step * len(rows))
    return student


AnyConfig = TypeVar("AnyConfig", bound=FineTuneConfig)


def long_enough(config: AnyConfig, num_images: int, batch_size: int) -> AnyConfig:
    """The configuration with as many steps as it takes to see each image `min_epochs` times."""
    needed = math.ceil(config.min_epochs * num_images / batch_size)
    return config.model_copy(update={"num_steps": max(config.num_steps, needed)})


def smooth_targets(labels: np.ndarray, num_classes: int, smoothing: float) -> np.ndarray:
    """One-hot targets of which `smoothing` is spread over all classes, float32 [N, K]."""
    one_hot = np.eye(num_classes, dtype=np.float32)[labels]
    return one_hot * (1.0 - smoothing) + smoothing / num_classes


def draw_share(alpha: float, random: np.random.Generator) -> float:
    """Share of mixup for one batch, from Beta(alpha, alpha); 1.0, no mixing, for alpha 0."""
    return float(random.beta(alpha, alpha)) if alpha else 1.0


def endless_batches(num_rows: int, size: int, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Batches of row numbers, int [size]; every row occurs once before any occurs again.

    A batch runs on into the next shuffle, so that all are full even where rows are fewer than `size`.
    """
    left = np.zeros(0, np.int64)
    while True:
        while len(left) < size:
            left = np.concatenate([left, random.permutation(num_rows)])
        yield left[:size]
        left = left[size:]

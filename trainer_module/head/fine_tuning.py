"""Training encoder and classifier: on the labeled images, and on pseudo-labels of all others."""

import dataclasses
import logging
import math
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfx_contrastive.trainer_module.config import FineTuneConfig, SelfTrainingConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.head.linear_head import LinearClassifier
from tfx_contrastive.trainer_module.head.pseudo_labels import guess_classes
from tfx_contrastive.trainer_module.head.student import HeadProgress, Student
from tfx_contrastive.trainer_module.training.networks import BatchEncoder

_log = logging.getLogger(__name__)


def fine_tune(
    encoder: keras.Model,
    probe: LinearClassifier,
    labeled: ImageDataset,
    weights: NDArray[Any],
    config: FineTuneConfig,
    seed: int,
) -> Student:
    """Train encoder and classifier on views of the labeled images.

    Args:
        encoder: Pretrained encoder; not changed.
        probe: Initial classifier, fitted on `encoder`.
        labeled: Labeled training images.
        weights: Weight of each class, float32 [K].
        config: Views, rates, steps.
        seed: Seed of batches and views.

    Returns:
        The trained student.
    """
    config = long_enough(config, len(labeled), config.batch_size)
    student = Student(encoder, probe, config, seed)
    random = np.random.default_rng([seed, 1])
    targets = smooth_targets(labeled.label_index, len(weights), config.label_smoothing)
    image_weights = weights[labeled.label_index]
    batches = endless_batches(len(labeled), config.batch_size, random)
    progress = HeadProgress("fine-tuning", config.num_steps, config.log_every)
    for step in range(1, config.num_steps + 1):
        rows = next(batches)
        loss = student.step(
            tf.constant(labeled.images[rows]),
            tf.constant(targets[rows]),
            tf.constant(image_weights[rows]),
            tf.constant(draw_share(config.mixup, random), tf.float32),
        )
        if progress.due(step):
            progress.report(step, float(loss), step * len(rows))
    return student


AnyConfig = TypeVar("AnyConfig", bound=FineTuneConfig)


def long_enough(config: AnyConfig, num_images: int, batch_size: int) -> AnyConfig:
    """Return the configuration with enough steps for `min_epochs` epochs."""
    needed = math.ceil(config.min_epochs * num_images / batch_size)
    return config.model_copy(update={"num_steps": max(config.num_steps, needed)})


def smooth_targets(labels: NDArray[Any], num_classes: int, smoothing: float) -> NDArray[Any]:
    """Return one-hot targets with the share `smoothing` spread over all classes, float32 [N, K]."""
    one_hot: NDArray[Any] = np.eye(num_classes, dtype=np.float32)[labels]
    return one_hot * (1.0 - smoothing) + smoothing / num_classes


def draw_share(alpha: float, random: np.random.Generator) -> float:
    """Draw the share of mixup for one batch from Beta(alpha, alpha); 1.0 (no mixing) for alpha 0."""
    return float(random.beta(alpha, alpha)) if alpha else 1.0


def endless_batches(num_rows: int, size: int, random: np.random.Generator) -> Iterator[NDArray[Any]]:
    """Yield batches of row numbers, int [size]; each row occurs once per epoch.

    A batch may continue into the next epoch, so that all batches are full even if there are fewer rows.
    """
    left = np.zeros(0, np.int64)
    while True:
        while len(left) < size:
            left = np.concatenate([left, random.permutation(num_rows)])
        yield left[:size]
        left = left[size:]


class Teacher(NamedTuple):
    """A trained head that makes pseudo-labels and from which a student starts.

    Attributes:
        encoder: The encoder from which the student starts; not changed.
        served: The encoder of the pseudo-labels: `encoder`, or its mirrored form.
        classifier: The classifier on both.
    """

    encoder: keras.Model
    served: keras.Model
    classifier: LinearClassifier


def self_train(
    teacher: Teacher,
    train: ImageDataset,
    weights: NDArray[Any],
    config: SelfTrainingConfig,
    seed: int,
) -> Student:
    """Train on views of all images; targets of the unlabeled ones are a teacher's pseudo-labels.

    This is self-distillation as in SimCLRv2 (arXiv:2006.10029, eq. 2 and 3): from a view of an image, the
    student learns to predict its label, or the teacher's output where it has none.

    Args:
        teacher: The trained head; the student starts from it.
        train: Labeled and unlabeled training images.
        weights: Weight of each class, float32 [K].
        config: Views, rates, batches.
        seed: Seed of batches and views.

    Returns:
        The trained student.
    """
    images = _bounded(train, config.max_unlabeled, seed)
    h = BatchEncoder(teacher.served, train.image_shape)(images.images)
    guesses, trust = guess_classes(teacher.classifier.logits(h), h, images.label_index, config)

    labeled_rows = np.flatnonzero(images.label_index >= 0)
    unlabeled_rows = np.flatnonzero(images.label_index < 0)
    labels = images.label_index[labeled_rows]
    targets = smooth_targets(labels, len(weights), config.label_smoothing)
    config = long_enough(config, len(unlabeled_rows), config.unlabeled_batch_size)
    student = Student(teacher.encoder, teacher.classifier, config, seed)

    random = np.random.default_rng([seed, 2])
    labeled = endless_batches(len(labeled_rows), config.batch_size, random)
    unlabeled = endless_batches(len(unlabeled_rows), config.unlabeled_batch_size, random)
    progress = HeadProgress("self-training", config.num_steps, config.log_every)
    for step in range(1, config.num_steps + 1):
        rows, others = next(labeled), unlabeled_rows[next(unlabeled)]
        loss = student.step(
            tf.constant(images.images[np.concatenate([labeled_rows[rows], others])]),
            tf.constant(np.concatenate([targets[rows], guesses[others]])),
            tf.constant(np.concatenate([weights[labels[rows]], config.unlabeled_weight * trust[others]])),
            tf.constant(draw_share(config.mixup, random), tf.float32),
        )
        if progress.due(step):
            progress.report(step, float(loss), step * (len(rows) + len(others)))
    return student


def _bounded(train: ImageDataset, max_unlabeled: int, seed: int) -> ImageDataset:
    """Return all labeled and at most `max_unlabeled` other images: neighbor search takes quadratic time."""
    unlabeled = np.flatnonzero(train.label_index < 0)
    if len(unlabeled) <= max_unlabeled:
        return train
    _log.info("self-training uses %d of %d unlabeled images", max_unlabeled, len(unlabeled))
    kept = np.random.default_rng([seed, 3]).choice(unlabeled, max_unlabeled, replace=False)
    rows = np.sort(np.concatenate([np.flatnonzero(train.label_index >= 0), kept]))
    return dataclasses.replace(
        train,
        images=train.images[rows],
        label_index=train.label_index[rows],
        image_id=train.image_id[rows],
    )

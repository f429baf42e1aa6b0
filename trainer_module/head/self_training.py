"""Semi-supervised fine-tuning: the labelled images, and guesses about all the others."""

import keras
import numpy as np
import tensorflow as tf

from trainer_module.config import SelfTrainingConfig
from trainer_module.dataset import ImageDataset
from trainer_module.head.classifier import LinearClassifier
from trainer_module.head.fine_tune import draw_share, endless_batches, smooth_targets
from trainer_module.head.progress import HeadProgress
from trainer_module.head.pseudo_labels import PseudoLabels
from trainer_module.head.student import Student


def self_train(
    encoder: keras.Model,
    classifier: LinearClassifier,
    train: ImageDataset,
    weights: np.ndarray,
    config: SelfTrainingConfig,
    seed: int,
) -> Student:
    """Trains on views of all images at once, the unlabelled ones with a teacher's guesses as targets.

    Self-distillation as in SimCLRv2 (arXiv:2006.10029, eq. 2 and 3): what the network says of an image
    before this training, it has to say of a view of it afterwards, and what the labels say too.

    Args:
        encoder: The encoder to start from; it is not changed.
        classifier: The classifier to start from; with `encoder` it makes the guesses.
        train: Training images, labelled and not.
        weights: Weight of each class, float32 [K].
        config: Views, rates, batches.
        seed: Seed of batches and views.

    Returns:
        The trained student.
    """
    labelled_rows = np.flatnonzero(train.label_index >= 0)
    unlabelled_rows = np.flatnonzero(train.label_index < 0)
    labels = train.label_index[labelled_rows]
    targets = smooth_targets(labels, len(weights), config.label_smoothing)
    student = Student(encoder, classifier, train.image_shape, config, seed)
    shares = np.bincount(labels, minlength=len(weights)) / len(labels)
    pseudo_labels = PseudoLabels(encoder, classifier.to_keras(), shares, config)

    random = np.random.default_rng([seed, 2])
    labelled = endless_batches(len(labelled_rows), config.batch_size, random)
    unlabelled = endless_batches(len(unlabelled_rows), config.unlabelled_batch_size, random)
    progress = HeadProgress("self-training", config.num_steps, config.log_every)
    for step in range(1, config.num_steps + 1):
        rows, other_rows = next(labelled), unlabelled_rows[next(unlabelled)]
        others = train.images[other_rows]
        guesses, trust = pseudo_labels.guess(tf.constant(others))
        loss = student.step(
            tf.constant(np.concatenate([train.images[labelled_rows[rows]], others])),
            tf.concat([targets[rows], guesses], axis=0),
            tf.concat([weights[labels[rows]], config.unlabelled_weight * trust], axis=0),
            tf.constant(draw_share(config.mixup, random), tf.float32),
        )
        if progress.due(step):
            progress.report(step, float(loss), step * (len(rows) + len(other_rows)))
    return student

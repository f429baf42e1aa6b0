"""The ways to a classifier that are compared. Each chooses on `eval` and is measured once on `test`."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from benchmarks.label_efficiency.data import Splits
from benchmarks.label_efficiency.settings import Settings
from trainer_module.config import HeadConfig
from trainer_module.dataset import ImageDataset
from trainer_module.encoders import build_encoder
from trainer_module.head.encode import BatchEncoder
from trainer_module.head.labels import class_weights
from trainer_module.head.linear_probe import fit_linear_probe
from trainer_module.head.train import train_head


@dataclasses.dataclass(frozen=True)
class Measured:
    """Accuracy on both splits, from 0 to 1, and what else is worth keeping."""

    test_accuracy: float
    eval_accuracy: float
    details: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Task:
    """A cell of the table: images of which some are labelled, and the encoder that was pretrained on all.

    The encoder may be None for methods that are in `WITHOUT_PRETRAINING`.
    """

    train: ImageDataset
    splits: Splits
    encoder: keras.Model | None
    settings: Settings
    seed: int


def raw_pixels(task: Task) -> Measured:
    """Logistic regression on pixels: what needs no network at all."""
    labelled, evaluation, test = task.train.labelled(), task.splits.eval, task.splits.test
    probe = fit_linear_probe(
        _flat(labelled),
        labelled.label_index,
        class_weights(labelled.label_index, len(task.splits.class_names)),
        _flat(evaluation),
        evaluation.label_index,
        task.settings.pixel_penalties,
    )
    found = [_share(probe.classifier.logits(_flat(split)), split) for split in (test, evaluation)]
    return Measured(*found, {"l2": probe.l2})


def from_scratch(task: Task) -> Measured:
    """The same encoder with random weights, trained on views of the labelled images alone."""
    keras.utils.set_random_seed(task.seed)
    train = task.train
    encoder = build_encoder(task.settings.pretrain.encoder, train.image_shape, train.mean, train.std)
    return _trained(encoder, task, task.settings.scratch)


def linear_probe(task: Task) -> Measured:
    """Softmax regression on the pretrained encoder, which stays as it is."""
    return _trained(task.encoder, task, task.settings.head.model_copy(update={"mode": "linear_probe"}))


def fine_tune(task: Task) -> Measured:
    """Pretrained encoder and classifier, trained on views of the labelled images."""
    return _trained(task.encoder, task, task.settings.head.model_copy(update={"mode": "fine_tune"}))


def self_training(task: Task) -> Measured:
    """The same, then trained on all images with its own guesses of the classes."""
    return _trained(task.encoder, task, task.settings.head.model_copy(update={"mode": "self_training"}))


METHODS: Mapping[str, Callable[[Task], Measured]] = {
    "raw pixels": raw_pixels,
    "from scratch": from_scratch,
    "linear probe": linear_probe,
    "fine-tuned": fine_tune,
    "self-training": self_training,
}


WITHOUT_PRETRAINING = frozenset({"raw pixels", "from scratch"})


def applies(method: str, labels_per_class: int | None) -> bool:
    """Whether a cell can be filled: with all labels there is no image left to guess."""
    return method != "self-training" or labels_per_class is not None


def _trained(encoder: keras.Model, task: Task, config: HeadConfig) -> Measured:
    splits = task.splits
    config = config.model_copy(update={"seed": task.seed})
    trained = train_head(encoder, task.train, splits.eval, splits.class_names, config)
    encode = BatchEncoder(trained.encoder, task.train.image_shape)
    test, evaluation = (
        _share(trained.head.predict(encode(split.images), batch_size=4096, verbose=0), split)
        for split in (splits.test, splits.eval)
    )
    return Measured(test, evaluation, {"kept": trained.metrics.mode, "eval": trained.metrics.tried})


def _flat(images: ImageDataset) -> np.ndarray:
    return images.images.reshape(len(images), -1).astype(np.float32) / 255.0


def _share(logits: np.ndarray, images: ImageDataset) -> float:
    return float(np.mean(np.argmax(logits, axis=1) == images.label_index))

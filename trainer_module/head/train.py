"""From a pretrained encoder and few labels to a calibrated classifier."""

import dataclasses
import logging
import time
from collections.abc import Sequence

import keras
import numpy as np

from trainer_module.config import HeadConfig
from trainer_module.dataset import ImageDataset
from trainer_module.head.calibration import fit_temperature
from trainer_module.head.classifier import LinearClassifier
from trainer_module.head.encode import BatchEncoder
from trainer_module.head.fine_tune import fine_tune
from trainer_module.head.labels import check_labels, class_weights, warn_of_classes_without
from trainer_module.head.linear_probe import fit_linear_probe
from trainer_module.head.scores import accuracy, log_loss
from trainer_module.head.self_training import self_train
from trainer_module.head.student import Student

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class HeadMetrics:
    """What is worth knowing of a trained head; measured on `eval`, None where it has no labelled image.

    Every choice was made on `eval`, so these figures flatter: report the test split's instead.

    Attributes:
        mode: How the head that is kept was trained.
        eval_accuracy: Share of `eval` images classified rightly.
        eval_log_loss: Mean negative log-likelihood of the calibrated probabilities, in nats.
        tried: Accuracy of each stage of the training.
        temperature: By which the logits were divided.
        l2: Penalty chosen for the linear probe.
        labels_per_class: Labelled training images of each class.
        num_eval_images: Labelled `eval` images.
        seconds: Time that training took.
    """

    mode: str
    eval_accuracy: float | None
    eval_log_loss: float | None
    tried: dict[str, float]
    temperature: float
    l2: float
    labels_per_class: dict[str, int]
    num_eval_images: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class TrainedHead:
    """A classifier, ready for export.

    Attributes:
        encoder: Pixels, uint8 [B, H, W, C], to h, float32 [B, D].
        head: From h to calibrated logits, float32 [B, K].
        metrics: What it reaches.
    """

    encoder: keras.Model
    head: keras.Model
    metrics: HeadMetrics


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """One way of having trained the head, with its logits on `eval`, float32 [M, K]."""

    mode: str
    encoder: keras.Model
    classifier: LinearClassifier
    logits: np.ndarray


def train_head(
    encoder: keras.Model,
    train: ImageDataset,
    evaluation: ImageDataset,
    class_names: Sequence[str],
    config: HeadConfig,
) -> TrainedHead:
    """Trains a classifier, in as many stages as `config.mode` asks for.

    The linear probe starts fine-tuning, the better of both on `eval` starts self-training, and the best of
    all is kept.

    Args:
        encoder: Pretrained encoder.
        train: Training images, labelled and not.
        evaluation: Images of `eval`; those with a label choose the penalty and calibrate.
        class_names: Names of the classes, in the order of `label_index`.
        config: What to do.

    Returns:
        The classifier with calibrated logits.

    Raises:
        ValueError: If the labels can't teach a classifier.
    """
    start = time.monotonic()
    check_labels(train.label_index, class_names)
    warn_of_classes_without(evaluation.label_index, class_names)
    labelled, evaluation = train.labelled(), evaluation.labelled()
    labels, labels_eval = labelled.label_index, evaluation.label_index
    weights = class_weights(labels, len(class_names))
    if config.class_weights == "none":
        weights = np.ones_like(weights)

    encode = BatchEncoder(encoder, train.image_shape)
    h_eval = encode(evaluation.images)
    probe = fit_linear_probe(encode(labelled.images), labels, weights, h_eval, labels_eval, config.penalties)
    candidates = [_Candidate("linear_probe", encoder, probe.classifier, probe.classifier.logits(h_eval))]
    if config.mode != "linear_probe":
        student = fine_tune(encoder, probe.classifier, labelled, weights, config.fine_tune, config.seed)
        candidates.append(_candidate("fine_tune", student, evaluation))
    if config.mode == "self_training" and len(labelled) < len(train):
        for round_number in range(config.self_training.rounds):
            teacher = _best(candidates, labels_eval)
            seed = config.seed + round_number
            student = self_train(
                teacher.encoder, teacher.classifier, train, weights, config.self_training, seed
            )
            candidates.append(_candidate("self_training", student, evaluation))

    best = _best(candidates, labels_eval)
    temperature = fit_temperature(best.logits, labels_eval)
    measured = len(labels_eval) > 0
    metrics = HeadMetrics(
        mode=best.mode,
        eval_accuracy=accuracy(best.logits, labels_eval) if measured else None,
        eval_log_loss=log_loss(best.logits / temperature, labels_eval) if measured else None,
        tried={one.mode: accuracy(one.logits, labels_eval) for one in candidates} if measured else {},
        temperature=temperature,
        l2=probe.l2,
        labels_per_class=dict(zip(class_names, np.bincount(labels).tolist(), strict=True)),
        num_eval_images=len(labels_eval),
        seconds=time.monotonic() - start,
    )
    _log.info("head: %s", metrics)
    return TrainedHead(best.encoder, best.classifier.calibrated(temperature).to_keras(), metrics)


def _candidate(mode: str, student: Student, evaluation: ImageDataset) -> _Candidate:
    return _Candidate(mode, student.encoder, student.classifier(), student.logits(evaluation.images))


def _best(candidates: Sequence[_Candidate], labels_eval: np.ndarray) -> _Candidate:
    """The most accurate on `eval`; of equals, and where there are no `eval` images, the last."""
    if not len(labels_eval):
        return candidates[-1]
    best = max(reversed(candidates), key=lambda one: accuracy(one.logits, labels_eval))
    if best is not candidates[-1]:
        _log.warning(
            "%s is worse on eval than %s: the latter is kept (%s)",
            candidates[-1].mode,
            best.mode,
            ", ".join(f"{one.mode} {accuracy(one.logits, labels_eval):.4f}" for one in candidates),
        )
    return best

"""From a pretrained encoder and few labels to a calibrated classifier."""

import dataclasses
import logging
import time
from collections.abc import Sequence

import keras
import numpy as np

from tfx_contrastive.trainer_module.config import HeadConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.head.calibration import fit_temperature
from tfx_contrastive.trainer_module.head.candidates import best_candidate, train_candidates
from tfx_contrastive.trainer_module.head.labels import check_labels, warn_of_classes_without
from tfx_contrastive.trainer_module.head.scores import accuracy, log_loss

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
    evaluation = evaluation.labelled()
    labels_eval = evaluation.label_index
    candidates = list(train_candidates(encoder, train, evaluation, len(class_names), config))
    best = best_candidate(candidates, labels_eval)
    temperature = fit_temperature(best.logits, labels_eval)
    measured = len(labels_eval) > 0
    metrics = HeadMetrics(
        mode=best.mode,
        eval_accuracy=accuracy(best.logits, labels_eval) if measured else None,
        eval_log_loss=log_loss(best.logits / temperature, labels_eval) if measured else None,
        tried={one.stage: accuracy(one.logits, labels_eval) for one in candidates} if measured else {},
        temperature=temperature,
        l2=best.l2,
        labels_per_class=dict(
            zip(class_names, np.bincount(train.labelled().label_index).tolist(), strict=True)
        ),
        num_eval_images=len(labels_eval),
        seconds=time.monotonic() - start,
    )
    _log.info("head: %s", metrics)
    return TrainedHead(best.served, best.classifier.calibrated(temperature).to_keras(), metrics)

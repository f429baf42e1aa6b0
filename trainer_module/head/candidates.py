"""The training of a head in stages; the best stage is kept."""

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.trainer_module.config import HeadConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.encoders.build import mirrored
from tfx_contrastive.trainer_module.head.fine_tuning import Teacher, fine_tune, self_train
from tfx_contrastive.trainer_module.head.linear_head import (
    LinearClassifier,
    accuracy,
    class_weights,
    fit_linear_head,
)
from tfx_contrastive.trainer_module.head.student import Student
from tfx_contrastive.trainer_module.training.networks import BatchEncoder

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A trained head.

    Attributes:
        mode: The mode of HeadConfig that trained it.
        stage: The mode; from the second round of self-training on with the number of the round.
        encoder: The trained network: pixels, uint8 [B, H, W, C], to h, float32 [B, D].
        served: The encoder that is served: `encoder`, or with `mirror_average` its mean over mirror images.
        classifier: Maps h to logits.
        logits: Logits of the labeled images of `eval`, float32 [M, K].
        l2: Penalty of the linear probe that it started from.
    """

    mode: str
    stage: str
    encoder: keras.Model
    served: keras.Model
    classifier: LinearClassifier
    logits: NDArray[Any]
    l2: float


def train_candidates(
    encoder: keras.Model, train: ImageDataset, evaluation: ImageDataset, num_classes: int, config: HeadConfig
) -> Iterator[Candidate]:
    """Train in the stages that `config.mode` requires.

    Fine-tuning starts from the linear probe. The teacher of a round of self-training is the best head of all
    earlier stages on `eval`.

    Args:
        encoder: Pretrained encoder; not changed.
        train: Labeled and unlabeled training images; each class has a labeled one.
        evaluation: Labeled images of `eval`; may be empty.
        num_classes: K.
        config: Configuration of the head.

    Yields:
        A candidate as soon as it is trained, the linear probe first.
    """
    labeled = train.labeled()
    weights = class_weights(labeled.label_index, num_classes)
    if config.class_weights == "none":
        weights = np.ones_like(weights)
    served = served_form(encoder, config)
    encode = BatchEncoder(served, train.image_shape)
    h_eval = encode(evaluation.images)
    probe = fit_linear_head(
        encode(labeled.images),
        labeled.label_index,
        weights,
        h_eval,
        evaluation.label_index,
        config.penalties,
    )
    logits = probe.classifier.logits(h_eval)
    trained = [Candidate("linear_probe", "linear_head", encoder, served, probe.classifier, logits, probe.l2)]
    yield trained[-1]

    def candidate(mode: str, stage: str, student: Student) -> Candidate:
        served, classifier = served_form(student.encoder, config), student.classifier()
        logits = classifier.logits(BatchEncoder(served, train.image_shape)(evaluation.images))
        return Candidate(mode, stage, student.encoder, served, classifier, logits, probe.l2)

    if config.mode != "linear_probe":
        student = fine_tune(encoder, probe.classifier, labeled, weights, config.fine_tune, config.seed)
        trained.append(candidate("fine_tune", "fine_tune", student))
        yield trained[-1]
    if config.mode == "self_training" and len(labeled) < len(train):
        for number in range(1, config.self_training.rounds + 1):
            best = best_candidate(trained, evaluation.label_index)
            teacher = Teacher(best.encoder, best.served, best.classifier)
            seed = config.seed + number - 1
            student = self_train(teacher, train, weights, config.self_training, seed)
            stage = "self_training" if number == 1 else f"self_training_{number}"
            trained.append(candidate("self_training", stage, student))
            yield trained[-1]


def served_form(encoder: keras.Model, config: HeadConfig) -> keras.Model:
    """Return the served encoder; with `mirror_average` it averages an image and its mirror image."""
    return mirrored(encoder) if config.mirror_average else encoder


def best_candidate(candidates: Sequence[Candidate], labels_eval: NDArray[Any]) -> Candidate:
    """Return the candidate with the highest accuracy on `eval`; of equals, or without images, the last.

    Args:
        candidates: One or more candidates, in order of training.
        labels_eval: Class of each image of `eval`, int [M].
    """
    if not len(labels_eval):
        return candidates[-1]
    best = max(reversed(candidates), key=lambda one: accuracy(one.logits, labels_eval))
    if best is not candidates[-1]:
        _log.warning(
            "%s is less accurate on eval than %s, which is kept (%s)",
            candidates[-1].stage,
            best.stage,
            ", ".join(f"{one.stage} {accuracy(one.logits, labels_eval):.4f}" for one in candidates),
        )
    return best

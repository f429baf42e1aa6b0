"""The head stage: splits and encoder in, calibrated classifier as a SavedModel out."""

import dataclasses
import json
import logging
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow_transform as tft
from numpy.typing import NDArray

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.signatures import METRICS_PATH
from tfx_contrastive.trainer_module.config import HeadConfig, ServingConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset, ImageFiles, read_images
from tfx_contrastive.trainer_module.encoders.build import load_encoder
from tfx_contrastive.trainer_module.head.candidates import best_candidate, train_candidates
from tfx_contrastive.trainer_module.head.linear_head import accuracy, fit_temperature, log_loss
from tfx_contrastive.trainer_module.preprocessing import class_names
from tfx_contrastive.trainer_module.serving.formats import Parts, write_exports
from tfx_contrastive.trainer_module.serving.saved_model import export_classifier, write_image_config

_log = logging.getLogger(__name__)


def check_labels(label_index: NDArray[Any], class_names: Sequence[str]) -> None:
    """Check that the labels suffice to train a classifier.

    Args:
        label_index: Labels of the training images, int64 [N], -1 if an image has none.
        class_names: Names of all classes.

    Raises:
        DataError: If no image is labeled, there is only one class, or a class has no image.
    """
    labels = label_index[label_index >= 0]
    if not len(labels):
        raise DataError(
            f"none of the {len(label_index)} training images has a label: a classifier needs at least one "
            "labeled image of each of two classes. Label some, or run without a head to push the "
            "encoder alone"
        )
    if len(class_names) < 2:
        raise DataError(
            f"all {len(labels)} labeled training images are of one class, {', '.join(class_names)}: a "
            "classifier needs at least two. Label images of another class too"
        )
    counts = np.bincount(labels, minlength=len(class_names))
    missing = [name for name, count in zip(class_names, counts, strict=True) if not count]
    if missing:
        raise DataError(
            f"{len(labels)} labeled training images were received for {len(class_names)} classes; these "
            f"have none: {', '.join(missing)}. Label at least one image of each, or remove the class"
        )


def warn_of_classes_without(label_index: NDArray[Any], class_names: Sequence[str]) -> None:
    """Log a warning that names the classes without labeled images in `eval`.

    Args:
        label_index: Labels of the `eval` images, int64 [N], -1 if an image has none.
        class_names: Names of all classes.
    """
    present = set(label_index[label_index >= 0].tolist())
    absent = [name for index, name in enumerate(class_names) if index not in present]
    if absent:
        _log.warning(
            "eval has no labeled image of %d of %d classes (%s): choices made on eval ignore these classes, "
            "and their accuracy is not measured",
            len(absent),
            len(class_names),
            ", ".join(absent),
        )


@dataclasses.dataclass(frozen=True)
class HeadMetrics:
    """Metrics of a trained head on `eval`; None if `eval` has no labeled image.

    All choices were made on `eval`, so these values are optimistic: report those of the test split.

    Attributes:
        mode: Mode that trained the head.
        eval_accuracy: Share of `eval` images that are classified correctly.
        eval_log_loss: Mean negative log-likelihood of the calibrated probabilities, in nats.
        tried: Accuracy of each stage of the training.
        temperature: Divisor of the logits, from calibration.
        l2: L2 penalty of the linear head.
        labels_per_class: Labeled training images of each class.
        num_eval_images: Labeled `eval` images.
        seconds: Duration of the training.
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
    """A classifier for export.

    Attributes:
        encoder: Pixels, uint8 [B, H, W, C], to h, float32 [B, D].
        head: Maps h to calibrated logits, float32 [B, K].
        metrics: Its metrics.
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
    """Train a classifier in the stages that `config.mode` requires.

    Fine-tuning starts from the linear probe, and self-training from the better of both on `eval`. The best
    head of all is kept.

    Args:
        encoder: Pretrained encoder.
        train: Labeled and unlabeled training images.
        evaluation: Images of `eval`; the labeled ones select the penalty and calibrate.
        class_names: Names of the classes, in the order of `label_index`.
        config: Configuration of the head.

    Returns:
        The classifier with calibrated logits.

    Raises:
        DataError: If the labels do not suffice.
    """
    start = time.monotonic()
    check_labels(train.label_index, class_names)
    warn_of_classes_without(evaluation.label_index, class_names)
    evaluation = evaluation.labeled()
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
            zip(class_names, np.bincount(train.labeled().label_index).tolist(), strict=True)
        ),
        num_eval_images=len(labels_eval),
        seconds=time.monotonic() - start,
    )
    _log.info("head: %s", metrics)
    return TrainedHead(best.served, best.classifier.calibrated(temperature).to_keras(), metrics)


def run(
    files: ImageFiles,
    encoder_dir: str,
    model_dir: str,
    config: HeadConfig,
    serving: ServingConfig,
) -> HeadMetrics:
    """Train a classifier on a pretrained encoder and write it as a SavedModel.

    Args:
        files: Labeled and unlabeled images of the training split, and of the `eval` split.
        encoder_dir: The Pretrainer's model directory.
        model_dir: Directory of the SavedModel; the metrics go to `assets.extra/metrics.json` in it.
        config: Configuration of the head.
        serving: Limits and formats of the served model.

    Returns:
        The metrics.

    Raises:
        ValueError: If the labels do not suffice, or a directory does not contain the expected files.
        ConfigError: If an export needs a package that is not there.
    """
    serving.export.check_installed()
    tf_transform_output = tft.TFTransformOutput(files.transform_dir)
    names = class_names(tf_transform_output)
    train, evaluation = (
        read_images(split, tf_transform_output, config.cache_limit_mb)
        for split in (files.train, files.evaluation)
    )
    trained = train_head(load_encoder(encoder_dir), train, evaluation, names, config)
    export_classifier(
        model_dir, trained.encoder, trained.head, names, tf_transform_output, serving.max_pixels
    )
    write_image_config(model_dir, serving.image)
    parts = Parts(trained.encoder, trained.head, names)
    write_exports(model_dir, parts, train.images, evaluation, files.evaluation, serving.export)
    _write_metrics(model_dir, trained.metrics)
    return trained.metrics


def _write_metrics(model_dir: str, metrics: HeadMetrics) -> None:
    text = json.dumps(dataclasses.asdict(metrics), indent=2, ensure_ascii=False)
    files.write_text(files.join(model_dir, METRICS_PATH), text)

"""Exports in other formats, each with a report of its agreement with the SavedModel."""

import dataclasses
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfx_contrastive.contract import files
from tfx_contrastive.contract.examples import IMAGE
from tfx_contrastive.contract.signatures import (
    CLASSIFY_BYTES,
    EMBED_BYTES,
    EMBEDDING,
    EXPORTS_DIR,
    PROBABILITIES,
)
from tfx_contrastive.trainer_module.config import ExportConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset, read_records
from tfx_contrastive.trainer_module.serving.conversion import (
    PIXELS,
    freeze,
    run_onnx,
    run_tflite,
    to_onnx,
    to_tflite,
)

_log = logging.getLogger(__name__)

_BATCH = 256
_FILES = {"tflite": "model.tflite", "tflite_int8": "model_int8.tflite", "onnx": "model.onnx"}


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Comparison of an export with the SavedModel; values about classes are None for an encoder.

    The SavedModel gets encoded images and the export the pixels of training, so that a difference in decoding
    is measured too.

    Attributes:
        num_images: Number of images of `eval`.
        num_labeled: Number of labeled images, on which accuracy is measured.
        accuracy: Accuracy of the export.
        saved_model_accuracy: Accuracy of the SavedModel.
        accuracy_loss: `saved_model_accuracy` - `accuracy`.
        same_label: Share of images with the same predicted class.
        max_probability_difference: Largest absolute difference of a probability.
        mean_cosine: Mean cosine of the two embeddings of an image.
        min_cosine: Smallest cosine of the two embeddings of an image.
    """

    num_images: int
    num_labeled: int
    accuracy: float | None
    saved_model_accuracy: float | None
    accuracy_loss: float | None
    same_label: float | None
    max_probability_difference: float | None
    mean_cosine: float
    min_cosine: float


def compare(
    exported: Mapping[str, NDArray[Any]], served: Mapping[str, NDArray[Any]], label_index: NDArray[Any]
) -> Agreement:
    """Compare the outputs of an export with those of the SavedModel for the same images.

    Args:
        exported: `embedding`, float32 [N, D], and `probabilities`, float32 [N, K], if it is a classifier.
        served: The same outputs of the SavedModel.
        label_index: Class of each image, int64 [N], -1 if it has no label.
    """
    cosine = np.sum(exported[EMBEDDING] * served[EMBEDDING], axis=1)
    accuracy = saved_model_accuracy = same_label = difference = None
    labeled = label_index >= 0
    if PROBABILITIES in served:
        ours, theirs = (np.argmax(side[PROBABILITIES], axis=1) for side in (exported, served))
        same_label = float(np.mean(ours == theirs))
        difference = float(np.max(np.abs(exported[PROBABILITIES] - served[PROBABILITIES])))
        if labeled.any():
            accuracy = float(np.mean(ours[labeled] == label_index[labeled]))
            saved_model_accuracy = float(np.mean(theirs[labeled] == label_index[labeled]))
    return Agreement(
        num_images=len(label_index),
        num_labeled=int(labeled.sum()),
        accuracy=accuracy,
        saved_model_accuracy=saved_model_accuracy,
        accuracy_loss=None
        if accuracy is None or saved_model_accuracy is None
        else saved_model_accuracy - accuracy,
        same_label=same_label,
        max_probability_difference=difference,
        mean_cosine=float(cosine.mean()),
        min_cosine=float(cosine.min()),
    )


def served_answers(model_dir: str, patterns: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Load a SavedModel and return its outputs for all images of some files.

    Args:
        model_dir: Directory of the SavedModel.
        patterns: TFRecord files of examples, or glob patterns, read in the order of `read_images`.

    Returns:
        `embedding`, float32 [N, D], and for a classifier `probabilities`, float32 [N, K].
    """
    model = tf.saved_model.load(model_dir)
    embed, classify = (model.signatures.get(name) for name in (EMBED_BYTES, CLASSIFY_BYTES))
    answers: dict[str, list[NDArray[Any]]] = {}
    for records in read_records(patterns).batch(_BATCH):
        spec = {IMAGE: tf.io.FixedLenFeature([], tf.string)}
        images = tf.io.parse_example(records, spec)[IMAGE]
        answers.setdefault(EMBEDDING, []).append(embed(image_bytes=images)[EMBEDDING].numpy())
        if classify is not None:
            probabilities = classify(image_bytes=images)[PROBABILITIES]
            answers.setdefault(PROBABILITIES, []).append(probabilities.numpy())
    return {name: np.concatenate(parts) for name, parts in answers.items()}


@dataclasses.dataclass(frozen=True)
class Parts:
    """The parts of a model to export.

    Attributes:
        encoder: Pixels, uint8 [B, H, W, C], to h, float32 [B, D].
        head: h to calibrated logits, float32 [B, K]; None for an encoder.
        class_names: Class names in the order of the logits; empty for an encoder.
    """

    encoder: keras.Model
    head: keras.Model | None = None
    class_names: Sequence[str] = ()


def write_exports(
    model_dir: str,
    parts: Parts,
    representative: NDArray[Any],
    evaluation: ImageDataset,
    eval_files: Sequence[str],
    config: ExportConfig,
) -> None:
    """Write each format to `assets.extra/exports` of a SavedModel, with a JSON report beside it.

    Args:
        model_dir: Directory of the complete SavedModel, local or remote.
        parts: The parts of the same model.
        representative: Training images, uint8 [N, H, W, C].
        evaluation: All images of `eval`.
        eval_files: Files of these images.
        config: Formats.
    """
    if not config.formats:
        return
    model = freeze(parts.encoder, parts.head, evaluation.image_shape)
    rows = np.linspace(0, len(representative) - 1, config.representative_images).astype(int)
    served = served_answers(model_dir, eval_files)
    convert: dict[str, Callable[[], bytes]] = {
        "tflite": lambda: to_tflite(model),
        "tflite_int8": lambda: to_tflite(model, representative[np.unique(rows)]),
        "onnx": lambda: to_onnx(model, parts.class_names),
    }
    for name in dict.fromkeys(config.formats):
        content = convert[name]()
        run = run_onnx if name == "onnx" else run_tflite
        answers = run(content, evaluation.images)
        measured = compare(answers, served, evaluation.label_index)
        path = files.join(model_dir, f"{EXPORTS_DIR}/{_FILES[name]}")
        files.write_bytes(path, content)
        report = _report(name, content, parts, evaluation.image_shape, answers, measured)
        files.write_text(f"{path}.json", json.dumps(report, indent=2, ensure_ascii=False))
        _log.info("export %s: %s", name, measured)


def _report(
    name: str,
    content: bytes,
    parts: Parts,
    image_shape: tuple[int, int, int],
    answers: dict[str, NDArray[Any]],
    measured: Agreement,
) -> dict[str, Any]:
    return {
        "format": name,
        "num_bytes": len(content),
        "input": {PIXELS: {"dtype": "uint8", "shape": [None, *image_shape]}},
        "outputs": {
            output: {"dtype": values.dtype.name, "shape": [None, *values.shape[1:]]}
            for output, values in answers.items()
        },
        "classes": list(parts.class_names),
        "eval": dataclasses.asdict(measured),
    }

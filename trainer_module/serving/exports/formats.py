"""Which files are written, and the report beside each."""

import dataclasses
import json
import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfx_contrastive.contract.signatures import EXPORTS_DIR
from tfx_contrastive.trainer_module.config import ExportConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.serving.exports import agreement, onnx_file, tflite
from tfx_contrastive.trainer_module.serving.exports.pixel_model import PIXELS, freeze

# TF Serving leaves this folder of a SavedModel alone.

_FILES = {"tflite": "model.tflite", "tflite_int8": "model_int8.tflite", "onnx": "model.onnx"}

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Parts:
    """What an export is made of.

    Attributes:
        encoder: Pixels, uint8 [B, H, W, C], to h, float32 [B, D].
        head: h to calibrated logits, float32 [B, K]; None for an encoder alone.
        class_names: In the order of the logits; empty for an encoder alone.
    """

    encoder: keras.Model
    head: keras.Model | None = None
    class_names: Sequence[str] = ()


def write_exports(
    model_dir: str,
    parts: Parts,
    representative: np.ndarray,
    evaluation: ImageDataset,
    eval_files: Sequence[str],
    config: ExportConfig,
) -> None:
    """Writes each format to `assets.extra/exports` of a SavedModel, with a JSON report beside it.

    Args:
        model_dir: Directory of the SavedModel, local or remote, which is complete.
        parts: Of the same model.
        representative: Training images, uint8 [N, H, W, C].
        evaluation: Images of `eval`, all of them.
        eval_files: The files that they come from.
        config: Which formats.
    """
    if not config.formats:
        return
    model = freeze(parts.encoder, parts.head, evaluation.image_shape)
    rows = np.linspace(0, len(representative) - 1, config.representative_images).astype(int)
    served = agreement.served_answers(model_dir, eval_files)
    convert: dict[str, Callable[[], bytes]] = {
        "tflite": lambda: tflite.to_tflite(model),
        "tflite_int8": lambda: tflite.to_tflite(model, representative[np.unique(rows)]),
        "onnx": lambda: onnx_file.to_onnx(model, parts.class_names),
    }
    folder = os.path.join(model_dir, EXPORTS_DIR)
    tf.io.gfile.makedirs(folder)
    for name in dict.fromkeys(config.formats):
        content = convert[name]()
        run = onnx_file.run_onnx if name == "onnx" else tflite.run_tflite
        answers = run(content, evaluation.images)
        measured = agreement.compare(answers, served, evaluation.label_index)
        path = os.path.join(folder, _FILES[name])
        _write(path, content)
        report = _report(name, content, parts, evaluation.image_shape, answers, measured)
        _write(f"{path}.json", json.dumps(report, indent=2, ensure_ascii=False).encode())
        _log.info("export %s: %s", name, measured)


def _report(
    name: str,
    content: bytes,
    parts: Parts,
    image_shape: tuple[int, int, int],
    answers: dict[str, np.ndarray],
    measured: agreement.Agreement,
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


def _write(path: str, content: bytes) -> None:
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(content)

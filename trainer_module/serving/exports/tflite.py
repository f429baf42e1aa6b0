"""TFLite: one file for phones and small devices, in float or with weights and activations in eight bits."""

from typing import Any

import numpy as np
import tensorflow as tf

from tfx_contrastive.trainer_module.serving.exports.pixel_model import PIXELS

_BATCH = 64


def to_tflite(model: tf.Module, representative: np.ndarray | None = None) -> bytes:
    """Converts a pixel model.

    Args:
        model: Of `pixel_model.freeze`.
        representative: Pixels, uint8 [N, H, W, C], from which the ranges of eight-bit numbers are learned;
            None keeps float32.

    Returns:
        Contents of the file. Inputs and outputs have the same types in both forms.
    """
    concrete = model.predict.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    if representative is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[np.newaxis]] for image in representative)
        # Only what has no eight-bit form, such as the cast of the pixels, stays in float.
        sets = tf.lite.OpsSet
        converter.target_spec.supported_ops = [sets.TFLITE_BUILTINS_INT8, sets.TFLITE_BUILTINS]
    return bytes(converter.convert())


def run_tflite(content: bytes, images: np.ndarray) -> dict[str, np.ndarray]:
    """Runs TFLite's own interpreter.

    Args:
        content: Of the file.
        images: Pixels, uint8 [N, H, W, C], at least one.

    Returns:
        The outputs by name, float32 [N, …].
    """
    run = tf.lite.Interpreter(model_content=content).get_signature_runner()
    batches: list[dict[str, Any]] = [
        run(**{PIXELS: images[start : start + _BATCH]}) for start in range(0, len(images), _BATCH)
    ]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}

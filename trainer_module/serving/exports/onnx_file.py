"""ONNX: one file for ONNX Runtime and all that reads the format. Needs the extra `onnx`."""

import json
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfx_contrastive.trainer_module.serving.exports.pixel_model import PIXELS

_OPSET = 17  # the newest that ONNX Runtime 1.12 and later read
_BATCH = 64


def to_onnx(model: tf.Module, class_names: Sequence[str]) -> bytes:
    """Converts a pixel model.

    Args:
        model: Of `pixel_model.freeze`.
        class_names: Written into the file's metadata as `classes`, JSON; empty for an encoder.

    Returns:
        Contents of the file.
    """
    import onnx
    import tf2onnx

    converted, _ = tf2onnx.convert.from_function(
        model.predict, input_signature=model.predict.input_signature, opset=_OPSET
    )
    for tensor in [*converted.graph.input, *converted.graph.output]:
        tensor.type.tensor_type.shape.dim[0].dim_param = "batch"
    if class_names:
        onnx.helper.set_model_props(converted, {"classes": json.dumps(list(class_names))})
    onnx.checker.check_model(converted)
    return converted.SerializeToString()


def run_onnx(content: bytes, images: np.ndarray) -> dict[str, np.ndarray]:
    """Runs ONNX Runtime.

    Args:
        content: Of the file.
        images: Pixels, uint8 [N, H, W, C].

    Returns:
        The outputs by name, float32 [N, …].
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    batches = [
        session.run(names, {PIXELS: images[start : start + _BATCH]})
        for start in range(0, len(images), _BATCH)
    ]
    return {
        name: np.concatenate(parts) for name, parts in zip(names, zip(*batches, strict=True), strict=True)
    }

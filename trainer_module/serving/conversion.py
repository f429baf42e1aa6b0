"""Conversion of a model to TFLite and ONNX, and running the result."""

import json
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.framework import convert_to_constants  # no public name; tf2onnx imports it likewise

from tfx_contrastive.contract.signatures import EMBEDDING, PROBABILITIES

PIXELS = "pixels"


def freeze(encoder: keras.Model, head: keras.Model | None, image_shape: tuple[int, int, int]) -> tf.Module:
    """Build one function from pixels to embeddings and probabilities, with the weights as constants.

    TFLite's converter does not find the variables of a Keras 3 model; on TensorFlow 2.16 it ends the process.

    Args:
        encoder: Pixels in [0, 255], [B, H, W, C], to h, float32 [B, D].
        head: h to calibrated logits, float32 [B, K]; None for an encoder.
        image_shape: [height, width, channels].

    Returns:
        Module whose `predict` maps `pixels`, uint8 [B, H, W, C], to a dictionary with `embedding`, float32
        [B, D] of length 1, and, with a head, `probabilities`, float32 [B, K].
    """
    spec = tf.TensorSpec([None, *image_shape], tf.uint8, name=PIXELS)

    @tf.function(input_signature=[spec])
    def compute(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        h = encoder(tf.cast(pixels, tf.float32), training=False)
        outputs = {EMBEDDING: tf.math.l2_normalize(h, axis=-1)}
        if head is not None:
            outputs[PROBABILITIES] = tf.nn.softmax(head(h, training=False))
        return outputs

    concrete = compute.get_concrete_function()
    names = sorted(concrete.structured_outputs)  # TensorFlow flattens dictionaries in this order
    frozen = convert_to_constants.convert_variables_to_constants_v2(concrete)

    class PixelModel(tf.Module):
        @tf.function(input_signature=[spec])
        def predict(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
            return dict(zip(names, frozen(pixels), strict=True))

    return PixelModel(name="pixel_model")


_BATCH = 64


def to_tflite(model: tf.Module, representative: NDArray[Any] | None = None) -> bytes:
    """Convert a pixel model to TFLite.

    Args:
        model: The result of `freeze`.
        representative: Pixels, uint8 [N, H, W, C], to calibrate the ranges of 8-bit values; None keeps
            float32.

    Returns:
        Content of the file. Inputs and outputs have the same types in both forms.
    """
    concrete = model.predict.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    if representative is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[np.newaxis]] for image in representative)
        # Operations without an 8-bit form, such as the cast of the pixels, stay in float.
        sets = tf.lite.OpsSet
        converter.target_spec.supported_ops = [sets.TFLITE_BUILTINS_INT8, sets.TFLITE_BUILTINS]
    return bytes(converter.convert())


def run_tflite(content: bytes, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Run a model in TFLite's interpreter.

    Args:
        content: Content of the file.
        images: Pixels, uint8 [N, H, W, C], at least one.

    Returns:
        Outputs by name, float32 [N, …].
    """
    run = tf.lite.Interpreter(model_content=content).get_signature_runner()
    batches: list[dict[str, Any]] = [
        run(**{PIXELS: images[start : start + _BATCH]}) for start in range(0, len(images), _BATCH)
    ]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


_OPSET = 17  # the newest that ONNX Runtime 1.12 reads


def to_onnx(model: tf.Module, class_names: Sequence[str]) -> bytes:
    """Convert a pixel model to ONNX.

    Args:
        model: The result of `freeze`.
        class_names: Class names, written to the file's metadata as `classes` (JSON); empty for an encoder.

    Returns:
        Content of the file.
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
    return bytes(converted.SerializeToString())


def run_onnx(content: bytes, images: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Run a model in ONNX Runtime.

    Args:
        content: Content of the file.
        images: Pixels, uint8 [N, H, W, C].

    Returns:
        Outputs by name, float32 [N, …].
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

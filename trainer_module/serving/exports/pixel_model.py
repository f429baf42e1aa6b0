"""What every other format computes: decoded pixels to probabilities and embeddings, weights as constants."""

import keras
import tensorflow as tf
from tensorflow.python.framework import convert_to_constants  # no public name; tf2onnx imports it likewise

from tfx_contrastive.contract.signatures import EMBEDDING, PROBABILITIES

PIXELS = "pixels"


def freeze(encoder: keras.Model, head: keras.Model | None, image_shape: tuple[int, int, int]) -> tf.Module:
    """Puts encoder and head into one function without variables.

    The weights become constants first: TFLite's converter does not find those of a Keras 3 model by itself
    (on TensorFlow 2.16 it ends the process).

    Args:
        encoder: Pixels in [0, 255], [B, H, W, C], to h, float32 [B, D].
        head: h to calibrated logits, float32 [B, K]; None for an encoder alone.
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
    names = sorted(concrete.structured_outputs)  # the order in which a dictionary's tensors are flattened
    frozen = convert_to_constants.convert_variables_to_constants_v2(concrete)

    class PixelModel(tf.Module):
        @tf.function(input_signature=[spec])
        def predict(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
            return dict(zip(names, frozen(pixels), strict=True))

    return PixelModel(name="pixel_model")

"""The models that are served: a Transform graph and Keras models behind named signatures."""

from collections.abc import Sequence

import keras
import tensorflow as tf
import tensorflow_transform as tft

from tfx_contrastive.contract.signatures import (
    ALL_CLASSES,
    EMBEDDING,
    EXAMPLES,
    IMAGE_BYTES,
    PREDICTED_LABEL,
    PROBABILITIES,
)
from tfx_contrastive.trainer_module.serving.requests import ImageReader

_EXAMPLES = tf.TensorSpec([None], tf.string, name=EXAMPLES)
_IMAGE_BYTES = tf.TensorSpec([None], tf.string, name=IMAGE_BYTES)


class ServedEncoder(tf.Module):
    """Images to embeddings.

    A tf.Module, not a Keras model: TFT's layer is a Keras 2 object, which a Keras 3 model can't hold.
    """

    def __init__(self, encoder: keras.Model, tf_transform_output: tft.TFTransformOutput, max_pixels: int):
        """Takes the parts.

        Args:
            encoder: Pixels [B, H, W, C] to h, float32 [B, D].
            tf_transform_output: Output of the Transform component.
            max_pixels: Height times width that an image may have.
        """
        super().__init__(name="served_encoder")
        self._reader = ImageReader(tf_transform_output, max_pixels)
        self._encoder = encoder

    def _encode(self, pixels: tf.Tensor) -> tf.Tensor:
        """Representation h of each image, float32 [B, D]."""
        rows = tf.shape(pixels)[0]
        # TensorFlow's fused convolution for CPUs loses the channels of an empty batch: give it one image.
        padding = tf.cast(tf.equal(rows, 0), tf.int32)
        padded = tf.pad(pixels, [[0, padding], [0, 0], [0, 0], [0, 0]])
        return tf.cast(self._encoder(padded, training=False)[:rows], tf.float32)

    def _embedding(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {EMBEDDING: tf.math.l2_normalize(self._encode(pixels), axis=-1)}

    @tf.function(input_signature=[_EXAMPLES])
    def embed_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized tf.train.Example, string [B], to `embedding`, float32 [B, D], of length 1."""
        return self._embedding(self._reader.pixels_of_examples(examples))

    @tf.function(input_signature=[_IMAGE_BYTES])
    def embed_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encoded images, string [B], to `embedding`, float32 [B, D], of length 1."""
        return self._embedding(self._reader.pixels_of_bytes(image_bytes))


class ServedClassifier(ServedEncoder):
    """Images to class probabilities, and to the embeddings they were computed from."""

    def __init__(
        self,
        encoder: keras.Model,
        classifier_head: keras.Model,
        class_names: Sequence[str],
        tf_transform_output: tft.TFTransformOutput,
        max_pixels: int,
    ):
        """Takes the parts.

        Args:
            encoder: Pixels [B, H, W, C] to h, float32 [B, D].
            classifier_head: h to calibrated logits, float32 [B, K].
            class_names: Class names in the order of the logits, K.
            tf_transform_output: Output of the Transform component.
            max_pixels: Height times width that an image may have.
        """
        super().__init__(encoder, tf_transform_output, max_pixels)
        self._head = classifier_head
        self._class_names = tuple(class_names)

    def _classes(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        logits = self._head(self._encode(pixels), training=False)
        probabilities = tf.nn.softmax(tf.cast(logits, tf.float32))  # [B, K]
        names = tf.constant(self._class_names, tf.string)
        return {
            PROBABILITIES: probabilities,
            PREDICTED_LABEL: tf.gather(names, tf.argmax(probabilities, axis=-1)),
            ALL_CLASSES: tf.tile(names[tf.newaxis], [tf.shape(probabilities)[0], 1]),
        }

    @tf.function(input_signature=[_EXAMPLES])
    def classify_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized tf.train.Example, string [B], to classes.

        Returns:
            `probabilities`: float32 [B, K]. `label`: string [B], the most probable class.
            `all_classes`: string [B, K], the class of each probability, equal in all rows.
        """
        return self._classes(self._reader.pixels_of_examples(examples))

    @tf.function(input_signature=[_IMAGE_BYTES])
    def classify_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Encoded images, string [B], to the same as `classify_examples`."""
        return self._classes(self._reader.pixels_of_bytes(image_bytes))

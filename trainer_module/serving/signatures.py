"""The functions behind the signatures of a SavedModel: from a request to the response."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from tfx_contrastive.contract.examples import IMAGE
from tfx_contrastive.contract.signatures import (
    ALL_CLASSES,
    EMBEDDING,
    EXAMPLES,
    IMAGE_BYTES,
    PREDICTED_LABEL,
    PROBABILITIES,
)
from tfx_contrastive.trainer_module.serving.headers import read_headers

_SHOWN_POSITIONS = 20


class ImageReader(tf.Module):
    """Decoding of requests by the Transform graph, so that pixels are those of training.

    An image that can't be decoded, or is too large, makes the whole request fail with
    `InvalidArgumentError`, which tells the client to send the other images again without it. The size is
    limited because a PNG of a few hundred kilobytes can contain a billion pixels.
    """

    def __init__(self, tf_transform_output: tft.TFTransformOutput, max_pixels: int):
        """Load the Transform graph.

        Args:
            tf_transform_output: Output of the Transform component, for images of one shape.
            max_pixels: Largest height times width of an image, read from its header.
        """
        super().__init__(name="image_reader")
        self._max_pixels = max_pixels
        self._spec = tf_transform_output.raw_feature_spec()[IMAGE]
        self._transform = tf_transform_output.transform_features_layer()

    def pixels_of_bytes(self, image_bytes: tf.Tensor) -> tf.Tensor:
        """Decode, convert and resize images exactly as for training.

        Args:
            image_bytes: Encoded images (PNG, JPEG, GIF or BMP), string [B]; B may be 0.

        Returns:
            Pixels, uint8 [B, H, W, C].

        Raises:
            tf.errors.InvalidArgumentError: When run, if an image can't be decoded, is of a kind that training
                reads differently, or has too many pixels. If the header shows it, nothing is decoded and the
                message has the positions in the request.
        """
        with tf.control_dependencies(_checks(image_bytes, self._max_pixels)):
            features = self._transform({IMAGE: _as_raw_feature(tf.identity(image_bytes), self._spec)})
        return tf.cast(features[IMAGE], tf.uint8)

    def pixels_of_examples(self, examples: tf.Tensor) -> tf.Tensor:
        """Decode the feature `image` of serialized tf.train.Example; all other features are ignored.

        Args:
            examples: Serialized tf.train.Example, string [B].

        Returns:
            Pixels, uint8 [B, H, W, C].
        """
        spec = {IMAGE: tf.io.FixedLenFeature([], tf.string)}
        return self.pixels_of_bytes(tf.io.parse_example(examples, spec)[IMAGE])


def _checks(image_bytes: tf.Tensor, max_pixels: int) -> list[tf.Operation]:
    """Return assertions that fail, with positions, on headers of invalid or too large images."""
    headers = read_headers(image_bytes)
    return [
        _assert_all(
            headers.known,
            "not an encoded image (send the bytes of a PNG, JPEG, GIF or BMP file, base64 in JSON; save any "
            "other format as PNG)",
        ),
        _assert_all(
            headers.read_alike,
            "an image whose transparency or palette is read differently in training (a GIF or PNG "
            "with a transparent color, a GIF whose first frame is only a part, or a BMP that has neither 24 "
            "bits nor 256 grays: save it as a PNG of RGB or RGBA)",
        ),
        _assert_all(
            headers.pixels <= max_pixels,
            f"an image of more than {max_pixels:,} pixels, the limit of this model (send a smaller one)",
        ),
    ]


def _assert_all(fine: tf.Tensor, message: str) -> tf.Operation:
    positions = tf.reshape(tf.where(~fine), [-1])
    return tf.debugging.Assert(
        tf.reduce_all(fine), [f"{message}; positions in the request:", positions], summarize=_SHOWN_POSITIONS
    )


def _as_raw_feature(values: tf.Tensor, spec: Any) -> Any:
    """Return one value per row in the form of the Transform graph's raw feature spec."""
    rows = tf.shape(values, out_type=tf.int64)[0]
    if isinstance(spec, tf.io.VarLenFeature):
        indices = tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
        return tf.SparseTensor(indices, values, tf.stack([rows, 1]))
    return tf.reshape(values, [-1, *spec.shape])


_EXAMPLES = tf.TensorSpec([None], tf.string, name=EXAMPLES)
_IMAGE_BYTES = tf.TensorSpec([None], tf.string, name=IMAGE_BYTES)


class ServedEncoder(tf.Module):
    """Functions from images to embeddings.

    A tf.Module and not a Keras model, because TFT's layer is a Keras 2 object, which Keras 3 models refuse.
    """

    def __init__(self, encoder: keras.Model, tf_transform_output: tft.TFTransformOutput, max_pixels: int):
        """Combine the parts.

        Args:
            encoder: Pixels [B, H, W, C] to h, float32 [B, D].
            tf_transform_output: Output of the Transform component.
            max_pixels: Largest height times width of an image.
        """
        super().__init__(name="served_encoder")
        self._reader = ImageReader(tf_transform_output, max_pixels)
        self._encoder = encoder

    def _encode(self, pixels: tf.Tensor) -> tf.Tensor:
        """Return the representation h of each image, float32 [B, D]."""
        rows = tf.shape(pixels)[0]
        # TensorFlow's fused convolution on CPUs fails on an empty batch: pad it with one image.
        padding = tf.cast(tf.equal(rows, 0), tf.int32)
        padded = tf.pad(pixels, [[0, padding], [0, 0], [0, 0], [0, 0]])
        return tf.cast(self._encoder(padded, training=False)[:rows], tf.float32)

    def _embedding(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {EMBEDDING: tf.math.l2_normalize(self._encode(pixels), axis=-1)}

    @tf.function(input_signature=[_EXAMPLES])
    def embed_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Map serialized tf.train.Example, string [B], to `embedding`, float32 [B, D], of length 1."""
        return self._embedding(self._reader.pixels_of_examples(examples))

    @tf.function(input_signature=[_IMAGE_BYTES])
    def embed_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Map encoded images, string [B], to `embedding`, float32 [B, D], of length 1."""
        return self._embedding(self._reader.pixels_of_bytes(image_bytes))


class ServedClassifier(ServedEncoder):
    """Functions from images to class probabilities, and to embeddings."""

    def __init__(
        self,
        encoder: keras.Model,
        classifier_head: keras.Model,
        class_names: Sequence[str],
        tf_transform_output: tft.TFTransformOutput,
        max_pixels: int,
    ):
        """Combine the parts.

        Args:
            encoder: Pixels [B, H, W, C] to h, float32 [B, D].
            classifier_head: h to calibrated logits, float32 [B, K].
            class_names: Class names in the order of the logits, K.
            tf_transform_output: Output of the Transform component.
            max_pixels: Largest height times width of an image.
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
        """Map serialized tf.train.Example, string [B], to classes.

        Returns:
            `probabilities`: float32 [B, K]. `label`: string [B], the most probable class.
            `all_classes`: string [B, K], the class of each probability, the same in all rows.
        """
        return self._classes(self._reader.pixels_of_examples(examples))

    @tf.function(input_signature=[_IMAGE_BYTES])
    def classify_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Map encoded images, string [B], to the outputs of `classify_examples`."""
        return self._classes(self._reader.pixels_of_bytes(image_bytes))

"""From a request to pixels: what every signature has in common."""

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from tfx_contrastive.contract.examples import IMAGE
from tfx_contrastive.trainer_module.serving.headers import read_headers

_SHOWN_POSITIONS = 20


class ImageReader(tf.Module):
    """Encoded images to the pixels of training, by the Transform graph itself.

    An image that can't be decoded makes the whole request fail with `InvalidArgumentError`: an answer
    for it could only be made up, and a client that sends one picture as garbage wants to know. The
    server goes on; the other images can be sent again without it. The same holds for one that would take
    too much memory once decoded: a PNG of a few hundred kilobytes can hold a billion pixels.
    """

    def __init__(self, tf_transform_output: tft.TFTransformOutput, max_pixels: int):
        """Loads the Transform graph.

        Args:
            tf_transform_output: Output of the Transform component, for images of one shape.
            max_pixels: Height times width that an image may have by its header.
        """
        super().__init__(name="image_reader")
        self._max_pixels = max_pixels
        self._spec = tf_transform_output.raw_feature_spec()[IMAGE]
        self._transform = tf_transform_output.transform_features_layer()

    def pixels_of_bytes(self, image_bytes: tf.Tensor) -> tf.Tensor:
        """Decodes, converts and resizes images exactly as for training.

        Args:
            image_bytes: Encoded images (PNG, JPEG, GIF or BMP), string [B]; B may be 0.

        Returns:
            Pixels, uint8 [B, H, W, C].

        Raises:
            tf.errors.InvalidArgumentError: When run, if an image can't be decoded, is of a form that
                would be read otherwise than in training, or has too many pixels.
                Where the bytes are no image at all, or the header says that they are too many, nothing
                is decoded and the message has the positions in the request.
        """
        with tf.control_dependencies(_checks(image_bytes, self._max_pixels)):
            features = self._transform({IMAGE: _as_raw_feature(tf.identity(image_bytes), self._spec)})
        return tf.cast(features[IMAGE], tf.uint8)

    def pixels_of_examples(self, examples: tf.Tensor) -> tf.Tensor:
        """The same for serialized tf.train.Example, of which only the feature `image` is read.

        Args:
            examples: Serialized tf.train.Example, string [B].

        Returns:
            Pixels, uint8 [B, H, W, C].
        """
        spec = {IMAGE: tf.io.FixedLenFeature([], tf.string)}
        return self.pixels_of_bytes(tf.io.parse_example(examples, spec)[IMAGE])


def _checks(image_bytes: tf.Tensor, max_pixels: int) -> list[tf.Operation]:
    """Fails, with positions, on what is no image or too large a one; decoders name all else."""
    headers = read_headers(image_bytes)
    return [
        _assert_all(
            headers.known,
            "not an encoded image (send the bytes of a PNG, JPEG, GIF or BMP file, base64 in JSON; save any "
            "other format as PNG)",
        ),
        _assert_all(
            headers.read_alike,
            "an image whose transparency or palette would be read otherwise than in training (a GIF or PNG "
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
    """One value a row in the form in which the Transform graph takes it, by its raw feature spec."""
    rows = tf.shape(values, out_type=tf.int64)[0]
    if isinstance(spec, tf.io.VarLenFeature):
        indices = tf.stack([tf.range(rows), tf.zeros([rows], tf.int64)], axis=1)
        return tf.SparseTensor(indices, values, tf.stack([rows, 1]))
    return tf.reshape(values, [-1, *spec.shape])

"""Requests that TF Serving sends to a model before it takes any from outside.

The first request of each kind is slow: decoders, convolutions and thread pools set themselves up. TF Serving
reads `assets.extra/tf_serving_warmup_requests` (TFRecord of PredictionLog, 1,000 records at most) and calls a
version available once it has answered them. The images are made here: nobody's picture travels with a model.
"""

import os
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from tfx_contrastive.contract.examples import IMAGE
from tfx_contrastive.contract.signatures import EXAMPLES, IMAGE_BYTES, SERVING_DEFAULT, WARM_UP_PATH

_BATCH = 64


def write_warm_up_requests(
    model_dir: str, signatures: Sequence[str], image_shape: tuple[int, int, int]
) -> None:
    """Writes the warm-up requests of a SavedModel: for each signature one image, all formats, and a batch.

    Args:
        model_dir: Directory of the SavedModel, local or remote.
        signatures: Names; `serving_default` takes examples, every other one takes `image_bytes`.
        image_shape: [height, width, channels] to which the model brings its images.
    """
    path = os.path.join(model_dir, WARM_UP_PATH)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for name in signatures:
            for images in _batches(image_shape):
                log = prediction_log_pb2.PredictionLog(
                    predict_log=prediction_log_pb2.PredictLog(request=_request(name, images))
                )
                writer.write(log.SerializeToString(deterministic=True))


def _request(signature: str, images: Sequence[bytes]) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = signature
    if signature == SERVING_DEFAULT:
        request.inputs[EXAMPLES].CopyFrom(tf.make_tensor_proto([_example(one) for one in images]))
    else:
        request.inputs[IMAGE_BYTES].CopyFrom(tf.make_tensor_proto(list(images)))
    return request


def _batches(image_shape: tuple[int, int, int]) -> Iterator[list[bytes]]:
    """One image; each format, of which some must be converted and resized; the batch of a busy server."""
    height, width, channels = image_shape
    fitting = tf.io.encode_png(_pattern(height, width, channels)).numpy()
    larger = _pattern(height + 1, 2 * width, 3)
    yield [fitting]
    yield [fitting, tf.io.encode_png(larger).numpy(), tf.io.encode_jpeg(larger).numpy()]
    yield [fitting] * _BATCH


def _pattern(height: int, width: int, channels: int) -> np.ndarray:
    """A gradient, uint8 [height, width, channels]."""
    row, column, channel = np.ogrid[:height, :width, :channels]
    return (row + column + 64 * channel).astype(np.uint8)


def _example(image: bytes) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    return tf.train.Example(features=tf.train.Features(feature={IMAGE: feature})).SerializeToString()

"""SavedModels with the signatures that clients rely on (docs/serving.md), and warm-up requests."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy.typing import NDArray
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from tfx_contrastive.contract import files
from tfx_contrastive.contract.examples import IMAGE
from tfx_contrastive.contract.signatures import (
    CLASSIFY_BYTES,
    EMBED_BYTES,
    EXAMPLES,
    IMAGE_BYTES,
    IMAGE_CONFIG_PATH,
    SERVING_DEFAULT,
    WARM_UP_PATH,
)
from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.serving.signatures import ServedClassifier, ServedEncoder

_BATCH = 64


def export_encoder(
    directory: str, encoder: keras.Model, tf_transform_output: tft.TFTransformOutput, max_pixels: int
) -> None:
    """Write a SavedModel that embeds images.

    Signatures, all with one row per image in the order of the request:
        serving_default: `examples` (serialized tf.train.Example, string [B]; only `image` is read)
            to `embedding`, float32 [B, D], of length 1.
        embed_bytes: `image_bytes` (encoded images, string [B]) to the same.

    A request that contains an invalid image fails as a whole with `InvalidArgumentError`. Warm-up requests
    for TF Serving go to `assets.extra`.

    Args:
        directory: Directory of the SavedModel, local or remote.
        encoder: Pixels in [0, 255], uint8 [B, H, W, C], to h, float32 [B, D].
        tf_transform_output: Output of the Transform component, whose graph decodes the images.
        max_pixels: Largest height times width of an image.
    """
    served = ServedEncoder(encoder, tf_transform_output, max_pixels)
    signatures = {SERVING_DEFAULT: served.embed_examples, EMBED_BYTES: served.embed_bytes}
    _save(served, directory, signatures, tf_transform_output)


def export_classifier(
    directory: str,
    encoder: keras.Model,
    classifier_head: keras.Model,
    class_names: Sequence[str],
    tf_transform_output: tft.TFTransformOutput,
    max_pixels: int,
) -> None:
    """Write a SavedModel that classifies and embeds images.

    Signatures:
        serving_default: `examples` (as in `export_encoder`) to `probabilities`, float32 [B, K],
            `label`, string [B], and `all_classes`, string [B, K]: the class of each probability.
        classify_bytes: `image_bytes` to the same.
        embed_bytes: `image_bytes` to `embedding`, float32 [B, D], of length 1.

    Args:
        directory: Directory of the SavedModel, local or remote.
        encoder: Pixels in [0, 255], uint8 [B, H, W, C], to h, float32 [B, D].
        classifier_head: h to calibrated logits, float32 [B, K]; their softmax is served.
        class_names: Class names in the order of the logits.
        tf_transform_output: Output of the Transform component, whose graph decodes the images.
        max_pixels: Largest height times width of an image.

    Raises:
        ValueError: If the number of logits and the number of names differ.
    """
    width = classifier_head.output_shape[-1]
    if width != len(class_names):
        raise ValueError(
            f"the head gives {width} logits, but {len(class_names)} class names were received: "
            "give one name per logit"
        )
    served = ServedClassifier(encoder, classifier_head, class_names, tf_transform_output, max_pixels)
    signatures = {
        SERVING_DEFAULT: served.classify_examples,
        CLASSIFY_BYTES: served.classify_bytes,
        EMBED_BYTES: served.embed_bytes,
    }
    _save(served, directory, signatures, tf_transform_output)


def write_image_config(directory: str, image: ImageConfig) -> None:
    """Write `assets.extra/image.json`, from which clients learn how to prepare images.

    Args:
        directory: Directory of the SavedModel, local or remote.
        image: The image configuration of the Transform graph.
    """
    files.write_text(files.join(directory, IMAGE_CONFIG_PATH), image.model_dump_json(indent=2))


def _save(
    served: ServedEncoder,
    directory: str,
    signatures: Mapping[str, Callable[..., dict[str, tf.Tensor]]],
    tf_transform_output: tft.TFTransformOutput,
) -> None:
    tf.saved_model.save(served, directory, dict(signatures))
    shape = tuple(tf_transform_output.transformed_feature_spec()[IMAGE].shape)
    write_warm_up_requests(directory, list(signatures), shape)


def write_warm_up_requests(
    model_dir: str, signatures: Sequence[str], image_shape: tuple[int, int, int]
) -> None:
    """Write warm-up requests for TF Serving: for each signature one image, all formats, and a batch.

    The first requests of a model are slow. TF Serving reads `assets.extra/tf_serving_warmup_requests`
    (TFRecord of PredictionLog, at most 1,000 records) and serves a version only after answering them. The
    images are synthetic, so that no user's image is part of a model.

    Args:
        model_dir: Directory of the SavedModel, local or remote.
        signatures: Names of the signatures; `serving_default` takes examples, all others `image_bytes`.
        image_shape: [height, width, channels] of the model's pixels.
    """
    path = files.join(model_dir, WARM_UP_PATH)
    files.make_directory(os.path.dirname(path))
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
    """Yield one image; images of several formats and sizes; a large batch."""
    height, width, channels = image_shape
    fitting = tf.io.encode_png(_pattern(height, width, channels)).numpy()
    larger = _pattern(height + 1, 2 * width, 3)
    yield [fitting]
    yield [fitting, tf.io.encode_png(larger).numpy(), tf.io.encode_jpeg(larger).numpy()]
    yield [fitting] * _BATCH


def _pattern(height: int, width: int, channels: int) -> NDArray[Any]:
    """Return a color gradient, uint8 [height, width, channels]."""
    row, column, channel = np.ogrid[:height, :width, :channels]
    pattern: NDArray[Any] = (row + column + 64 * channel).astype(np.uint8)
    return pattern


def _example(image: bytes) -> bytes:
    feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image]))
    example = tf.train.Example(features=tf.train.Features(feature={IMAGE: feature}))
    return bytes(example.SerializeToString())

"""Writing SavedModels with the signatures that consumers rely on (docs/serving.md)."""

import os
from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf
import tensorflow_transform as tft

from tfx_contrastive.contract.examples import IMAGE
from tfx_contrastive.contract.signatures import (
    CLASSIFY_BYTES,
    EMBED_BYTES,
    IMAGE_CONFIG_PATH,
    SERVING_DEFAULT,
)
from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.serving.modules import ServedClassifier, ServedEncoder
from tfx_contrastive.trainer_module.serving.warmup import write_warm_up_requests


def export_encoder(
    directory: str, encoder: keras.Model, tf_transform_output: tft.TFTransformOutput, max_pixels: int
) -> None:
    """Writes a SavedModel that embeds images.

    Signatures, all with one row an image in the order of the request:
        serving_default: `examples` (serialized tf.train.Example, string [B]; only `image` is read)
            to `embedding`, float32 [B, D], of length 1.
        embed_bytes: `image_bytes` (encoded images, string [B]) to the same.

    A request with bytes that are no image fails as a whole with `InvalidArgumentError`. Requests that warm
    a server up go to `assets.extra`.

    Args:
        directory: Where to, local or remote.
        encoder: Pixels in [0, 255], uint8 [B, H, W, C], to h, float32 [B, D].
        tf_transform_output: Output of the Transform component; its graph decodes the requests.
        max_pixels: Height times width that an image of a request may have.
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
    """Writes a SavedModel that classifies and embeds images.

    Signatures:
        serving_default: `examples` (as in `export_encoder`) to `probabilities`, float32 [B, K],
            `label`, string [B], and `all_classes`, string [B, K]: the class of each probability.
        classify_bytes: `image_bytes` to the same.
        embed_bytes: `image_bytes` to `embedding`, float32 [B, D], of length 1.

    Args:
        directory: Where to, local or remote.
        encoder: Pixels in [0, 255], uint8 [B, H, W, C], to h, float32 [B, D].
        classifier_head: h to logits, float32 [B, K], calibrated: their softmax is what is served.
        class_names: Class names in the order of the logits.
        tf_transform_output: Output of the Transform component; its graph decodes the requests.
        max_pixels: Height times width that an image of a request may have.

    Raises:
        ValueError: If the head's width and the number of names differ.
    """
    width = classifier_head.output_shape[-1]
    if width != len(class_names):
        raise ValueError(
            f"the head gives {width} logits, but {len(class_names)} class names were received: "
            "name each output once"
        )
    served = ServedClassifier(encoder, classifier_head, class_names, tf_transform_output, max_pixels)
    signatures = {
        SERVING_DEFAULT: served.classify_examples,
        CLASSIFY_BYTES: served.classify_bytes,
        EMBED_BYTES: served.embed_bytes,
    }
    _save(served, directory, signatures, tf_transform_output)


def write_image_config(directory: str, image: ImageConfig) -> None:
    """Writes `assets.extra/image.json`: what a program beside the model must know to prepare images for it.

    Args:
        directory: Of the SavedModel, local or remote.
        image: The configuration by which the Transform graph was made.
    """
    path = os.path.join(directory, IMAGE_CONFIG_PATH)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(image.model_dump_json(indent=2))


def _save(
    served: ServedEncoder,
    directory: str,
    signatures: Mapping[str, Callable],
    tf_transform_output: tft.TFTransformOutput,
) -> None:
    tf.saved_model.save(served, directory, dict(signatures))
    shape = tuple(tf_transform_output.transformed_feature_spec()[IMAGE].shape)
    write_warm_up_requests(directory, list(signatures), shape)

"""The Transform graph: encoded bytes to pixels, labels to class indices. The same graph serves."""

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from tfx_contrastive.contract.examples import IMAGE, LABEL
from tfx_contrastive.trainer_module.config import ImageConfig
from tfx_contrastive.trainer_module.images import channel_moments, decode_images
from tfx_contrastive.trainer_module.vocabulary import label_index, sorted_vocabulary

LABEL_INDEX_KEY = "label_index"
IMAGE_MEAN_KEY = "image_mean"
IMAGE_STD_KEY = "image_std"

# A constant channel has no variance; one grey level is the finest difference there can be.
_MIN_STD = 1.0 / 255.0


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Builds the features that both training stages and every serving signature read.

    Args:
        inputs: Raw features of the data contract. `image` (encoded bytes) is needed; `label` may be
            missing from the schema, or absent from some examples.
        custom_config: `{"image": ImageConfig as JSON}`.

    Returns:
        `image`: float32 [B, H, W, C], whole numbers from 0 to 255. TFT lets no uint8 out of its graph;
            every reader of this project casts it to uint8, which loses nothing.
        `label_index`: int64 [B], -1 where the label is absent. Internal: no signature returns it.
        `image_mean`, `image_std`: float32 [B, C], statistics of the training split in units of [0, 1]
            pixels, the same in every row.
    """
    config = ImageConfig.model_validate_json(custom_config["image"])
    contents = _one_a_row(inputs[IMAGE])
    mean, std = _channel_statistics(contents, config)
    rows = tf.shape(contents)[0]
    label = inputs.get(LABEL)
    return {
        IMAGE: tf.cast(decode_images(contents, config), tf.float32),
        LABEL_INDEX_KEY: tf.fill([rows], tf.constant(-1, tf.int64)) if label is None else _index(label),
        IMAGE_MEAN_KEY: tf.tile(mean[tf.newaxis], [rows, 1]),
        IMAGE_STD_KEY: tf.tile(std[tf.newaxis], [rows, 1]),
    }


def _channel_statistics(contents: tf.Tensor, config: ImageConfig) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and standard deviation of each channel over all pixels of the split, float32 [C] each."""
    moments = tft.mean(
        channel_moments(contents, config), reduce_instance_dims=False, output_dtype=tf.float64
    )  # [2C]
    first, second = moments[: config.channels], moments[config.channels :]
    std = tf.sqrt(tf.maximum(second - tf.square(first), _MIN_STD**2))
    shape = [config.channels]
    return tf.ensure_shape(tf.cast(first, tf.float32), shape), tf.ensure_shape(
        tf.cast(std, tf.float32), shape
    )


def _index(label: Any) -> tf.Tensor:
    """Class index of each row, int64 [B]; -1 where there is no label."""
    present = label.values if isinstance(label, tf.SparseTensor) else tf.reshape(label, [-1])
    index = label_index(present, sorted_vocabulary(present))
    if not isinstance(label, tf.SparseTensor):
        return index
    row = label.indices[:, :1]
    absent = tf.fill([label.dense_shape[0]], tf.constant(-1, tf.int64))
    return tf.tensor_scatter_nd_update(absent, row, index)


def _one_a_row(feature: Any) -> tf.Tensor:
    """The single value of each row, string [B], whether the schema fixed the feature's shape or not."""
    if isinstance(feature, tf.SparseTensor):
        return feature.values  # present once in every example, by the data contract
    return tf.reshape(feature, [-1])

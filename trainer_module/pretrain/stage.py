"""The pretraining stage: examples and Transform graph in, encoder as a SavedModel out."""

import hashlib
import logging

import tensorflow_transform as tft

from tfx_contrastive.trainer_module.config import PretrainConfig, ServingConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset, ImageFiles, read_images
from tfx_contrastive.trainer_module.encoders.build import load_encoder, save_encoder
from tfx_contrastive.trainer_module.pretrain.devices import build_strategy, is_chief
from tfx_contrastive.trainer_module.pretrain.loop import pretrain
from tfx_contrastive.trainer_module.serving.formats import Parts, write_exports
from tfx_contrastive.trainer_module.serving.saved_model import export_encoder, write_image_config

_log = logging.getLogger(__name__)


def run(
    files: ImageFiles,
    config: PretrainConfig,
    serving: ServingConfig,
    checkpoint_root: str,
    model_dir: str,
    log_dir: str,
) -> None:
    """Pretrain an encoder and write it to one directory, as a SavedModel and for Keras.

    Several workers must all call this with the same arguments; only the chief writes.

    Args:
        files: Labeled and unlabeled images; exports are compared with the SavedModel on `eval`.
        config: Configuration of pretraining.
        serving: Limits and formats of the served model.
        checkpoint_root: Checkpoints go to a subdirectory whose name is a digest of configuration and data.
        model_dir: Directory for the SavedModel, `encoder.json` and `encoder.weights.h5`.
        log_dir: Directory of TensorBoard's scalars.
    """
    strategy = build_strategy(config.distribution)  # before any other use of TensorFlow
    serving.export.check_installed()
    tf_transform_output = tft.TFTransformOutput(files.transform_dir)
    dataset = read_images(files.train, tf_transform_output, config.cache_limit_mb)
    _log.info("pretraining on %d images of shape %s", len(dataset), dataset.image_shape)
    checkpoint_dir = f"{checkpoint_root.rstrip('/')}/{run_digest(config, dataset)}"
    encoder = pretrain(dataset, config, checkpoint_dir, log_dir, strategy)
    if not is_chief(strategy):
        return
    save_encoder(model_dir, encoder, config.encoder, dataset.image_shape, dataset.mean, dataset.std)
    # Rebuilt in float32, whatever the precision of the training was.
    rebuilt = load_encoder(model_dir)
    export_encoder(model_dir, rebuilt, tf_transform_output, serving.max_pixels)
    write_image_config(model_dir, serving.image)
    if serving.export.formats:
        evaluation = read_images(files.evaluation, tf_transform_output, config.cache_limit_mb)
        write_exports(model_dir, Parts(rebuilt), dataset.images, evaluation, files.evaluation, serving.export)


def run_digest(config: PretrainConfig, dataset: ImageDataset) -> str:
    """Return a digest of configuration and data, so that no other run resumes from its checkpoints.

    Args:
        config: Configuration of pretraining; the intervals of checkpoints are ignored.
        dataset: The data set; its images, labels, their order and the channel statistics count.

    Returns:
        Sixteen hexadecimal digits.
    """
    keeping = {"checkpoint_every", "checkpoint_minutes", "keep_checkpoints"}
    digest = hashlib.sha256(config.model_dump_json(exclude=keeping).encode())
    digest.update(repr(dataset.image_shape).encode())
    for part in (dataset.mean, dataset.std, dataset.label_index):
        digest.update(part.tobytes())
    for image_id in dataset.image_id:
        digest.update(image_id)
    return digest.hexdigest()[:16]

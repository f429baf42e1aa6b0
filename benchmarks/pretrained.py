"""An encoder pretrained on images in memory, as the Pretrainer does it; shared by benchmarks."""

import tempfile

import keras
import numpy as np

from tfx_contrastive.trainer_module.config import PretrainConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.pretrain.loop import pretrain


def pretrained(images: np.ndarray, config: PretrainConfig) -> keras.Model:
    """Pretrains on images without labels.

    Args:
        images: uint8 [N, H, W, C].
        config: Of the training.

    Returns:
        The encoder: pixels [B, H, W, C] to h, float32 [B, D].
    """
    scaled = images / np.float32(255.0)
    dataset = ImageDataset(
        images,
        np.full(len(images), -1, np.int64),
        np.array([b"%d" % row for row in range(len(images))], object),
        scaled.mean(axis=(0, 1, 2)),
        scaled.std(axis=(0, 1, 2)),
    )
    with tempfile.TemporaryDirectory() as folder:
        return pretrain(dataset, config, f"{folder}/checkpoints", f"{folder}/logs")

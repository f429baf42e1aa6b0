"""Run in a process of its own: the first gradient and some steps of training, on one device or several.

Logical devices can be set up only before TensorFlow starts, and a process is one worker: hence the process.

    python -m tests.trainer_module.pretrain.replicas mirrored|multi_worker DIRECTORY

Prints one JSON object: losses by step, and the first values of each of the encoder's variables at the end.
"""

import json
import logging
import sys
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from tfx_contrastive.trainer_module.config import PretrainConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.pretrain.devices import build_strategy, is_chief
from tfx_contrastive.trainer_module.pretrain.loop import pretrain

NUM_STEPS = 4


class Losses(logging.Handler):
    """Gather what the loop logs."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        progress = getattr(record, "progress", {})
        if "loss" in progress:
            self.losses.append(progress["loss"])


def train(kind: str, directory: str) -> dict[str, Any]:
    """Losses and weights of a few steps."""
    config = PretrainConfig.model_validate(
        {
            "encoder": {"name": "c4n"},
            "projection_dims": (32, 16),
            "views": {"policy": []},  # a view is the image: replicas draw views of their own
            "optimizer": {"name": "sgd", "learning_rate": 0.5, "warmup_fraction": 0.0, "clip_norm": 0.5},
            "average_decay": 0.9,
            "batch_size": 32,
            "num_steps": NUM_STEPS,
            "steps_per_call": 2,
            "log_every": 1,
            "checkpoint_every": 2,
            "watch": {"probe_every": 2, "keep": "last"},
            "distribution": {
                "strategy": kind,
                "devices": ["CPU:0", "CPU:1"] if kind == "mirrored" else [],
            },
        }
    )
    strategy = build_strategy(config.distribution)
    digits = load_digits()
    dataset = ImageDataset(
        images=(digits.images[:100, ..., np.newaxis] * 255 / 16).astype(np.uint8),
        label_index=digits.target[:100],
        image_id=np.array([str(row).encode() for row in range(100)], dtype=object),
        mean=np.array([0.3], np.float32),
        std=np.array([0.37], np.float32),
    )
    handler = Losses()
    logger = logging.getLogger("tfx_contrastive.progress")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    encoder = pretrain(dataset, config, f"{directory}/checkpoints", f"{directory}/logs", strategy)
    logger.removeHandler(handler)
    return {
        "replicas": strategy.num_replicas_in_sync,
        "chief": is_chief(strategy),
        "losses": handler.losses,
        "weights": [weight.astype(np.float64).ravel().tolist()[:200] for weight in encoder.get_weights()],
    }


def main(kind: str, directory: str) -> None:
    if kind == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    print(json.dumps(train(kind, directory)))


if __name__ == "__main__":
    main(*sys.argv[1:])

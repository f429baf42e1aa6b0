"""Short pretraining runs on the digits, and what they report."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer_module.digits_data import digit_pixels
from tfx_contrastive.trainer_module.config import (
    EncoderConfig,
    PretrainConfig,
    WatchConfig,
)
from tfx_contrastive.trainer_module.dataset import ImageDataset


def digits(labeled: int = 200) -> ImageDataset:
    pixels, labels = digit_pixels(400)
    return ImageDataset(
        images=pixels[..., np.newaxis],
        label_index=np.where(np.arange(400) < labeled, labels, -1),
        image_id=np.array([str(row).encode() for row in range(400)], dtype=object),
        mean=np.array([0.3], np.float32),
        std=np.array([0.37], np.float32),
    )


def config(**settings: Any) -> PretrainConfig:
    defaults = {
        "encoder": EncoderConfig(name="c4n"),
        "projection_dims": (32, 16),
        "batch_size": 32,
        "num_steps": 20,
        "steps_per_call": 5,
        "log_every": 5,
        "checkpoint_every": 10,
        "watch": WatchConfig(probe_every=10, after_steps=10),
    }
    return PretrainConfig(**{**defaults, **settings})


def progress(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.progress for record in caplog.records if hasattr(record, "progress")]


def scalars(log_dir: Any, tag: Any) -> list[tuple[int, float]]:
    """Steps and values of a tag, in the order in which TensorBoard reads the files."""
    return [
        (event.step, float(tf.make_ndarray(value.tensor)))
        for path in sorted(log_dir.iterdir())
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == tag
    ]

"""An estimate of the duration of a run, from its configuration and the number of its images.

Training dominates. Its throughput was measured for the project's own encoders (docs/pretraining.md); pixels,
views, passes and images are counted. The estimate is good to a factor of 2 on an idle machine without a GPU.
"""

import dataclasses
import math
import os
import time

import numpy as np

from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.trainer_module.config import FineTuneConfig, PretrainConfig

# Images per second in pretraining with c4n: two views of 28x28x1 each, batch 512, on 2 cores
# (docs/pretraining.md). _COST is the CPU time of the gradients relative to c4n, at 28x28 and 32x32.
_IMAGES_PER_SECOND = 3384.0
_REFERENCE_PIXELS = 28 * 28
_REFERENCE_CORES = 2
_COST = {
    "c4n": 1.0,
    "c4": 2.6,
    "resnet9n": 2.2,
    "resnet9": 6.0,
    "resnet18n": 5.0,
    "resnet18": 55.0,
    "resnet18_large": 6.0,
    "gradnet": 1.6,  # docs/experiments.md: 120 steps of 256 images of 48x48x3 in 1.8 core minutes
}

# Seconds of a run on 2 cores besides training (docs/scale.md): first imports, graphs and the set-up of 17
# components, then the time per image of 28x28 in ingest, statistics, Transform and evaluation.
_SET_UP_SECONDS = 75.0
_DATA_PLANE_SECONDS_PER_IMAGE = 134e-6 / _REFERENCE_CORES
_FORWARD_SHARE = 1 / 6  # of pretraining, which has two views, and gradients that cost twice a forward pass
_FORWARD_PASSES = 3  # over all images: RepresentationGate with its probes, head, embeddings
_MIN_STEP_SECONDS = 0.03  # least duration of a training step, for images of any size


@dataclasses.dataclass(frozen=True)
class Duration:
    """The estimated duration of a run.

    Attributes:
        seconds: Duration in seconds; None if training can't be estimated.
        basis: The basis of the estimate, or why there is none.
    """

    seconds: float | None
    basis: str


def estimate(config: PipelineConfig, num_images: int, num_labels: int, seconds_per_image: float) -> Duration:
    """Estimate the duration of a first run; a later run takes unchanged results from the cache.

    Args:
        config: The configuration.
        num_images: Number of images that the run will use.
        num_labels: Number of labels in `train`.
        seconds_per_image: Measured time to read and check one image, in seconds.
    """
    encoder = config.pretrain.encoder.name
    if encoder not in _COST:
        return Duration(
            None, f"not known for {encoder}: run with --set pretrain.num_steps=50 and read its images/s"
        )
    if config.tuner.enabled or config.pretrain.distribution.strategy != "none":
        return Duration(None, "not known with the tuner or several devices")
    if os.path.exists("/dev/nvidia0"):
        return Duration(
            None, "not known for a GPU: run with --set pretrain.num_steps=50 and read its images/s"
        )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    free = _free_share()
    speed = min(cores, 16) / _REFERENCE_CORES * free
    pixels = config.image.height * config.image.width
    image_seconds = _COST[encoder] * pixels / _REFERENCE_PIXELS / _IMAGES_PER_SECOND
    training = _pretraining(config.pretrain, image_seconds)
    training += _head(config, image_seconds, num_images, num_labels)
    passes = num_images * image_seconds * _FORWARD_SHARE * _FORWARD_PASSES
    data = num_images * (_DATA_PLANE_SECONDS_PER_IMAGE * max(pixels / _REFERENCE_PIXELS, 1))
    decoding = num_images * seconds_per_image * free * 3 / cores  # ingest, statistics and Transform decode
    seconds = _SET_UP_SECONDS / free + (training + passes + data) / speed + decoding / free
    basis = f"by measured throughputs of {encoder}, on {cores} cores without a GPU"
    if free < 0.7:
        basis += f", of which other programs leave {free:.0%} now"
    return Duration(seconds, basis)


def _pretraining(config: PretrainConfig, image_seconds: float) -> float:
    small = config.views.small
    views = 1 + small.count * small.size**2 / 2
    return config.num_steps * max(config.batch_size * views * image_seconds, _MIN_STEP_SECONDS)


def _head(config: PipelineConfig, image_seconds: float, num_images: int, num_labels: int) -> float:
    """Return the seconds of training the head: one view per image, at half the cost of pretraining's two."""
    if not num_labels or config.head.mode == "linear_probe":
        return 0.0
    tuning, guessing = config.head.fine_tune, config.head.self_training
    seconds = _training(tuning, num_labels, tuning.batch_size, image_seconds)
    unlabeled = min(max(num_images - num_labels, 0), guessing.max_unlabeled)
    if config.head.mode == "self_training" and unlabeled:
        per_step = guessing.unlabeled_batch_size
        extra = guessing.batch_size * image_seconds / 2 * math.ceil(unlabeled / per_step)
        seconds += guessing.rounds * (_training(guessing, unlabeled, per_step, image_seconds) + extra)
    return seconds


def _training(config: FineTuneConfig, num_images: int, batch_size: int, image_seconds: float) -> float:
    num_steps = max(config.num_steps, math.ceil(config.min_epochs * num_images / batch_size))
    return num_steps * max(batch_size * image_seconds / 2, _MIN_STEP_SECONDS)


def _free_share() -> float:
    """Return the share of a core that a process gets on this machine now: CPU time over wall time."""
    values = np.ones(200_000, np.float32)
    wall, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < 0.2:
        np.sort(values[::-1])  # in one thread
    return min(max((time.process_time() - cpu) / (time.perf_counter() - wall), 0.05), 1.0)


def as_text(seconds: float) -> str:
    """Return a duration in words, such as `about 40 s`, `about 6 min` or `about 3.0 h`."""
    if seconds < 90:
        return f"about {max(round(seconds, -1), 10):.0f} s"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes < 90 else f"about {minutes / 60:.1f} h"

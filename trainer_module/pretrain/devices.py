"""Devices of pretraining: the strategy, the rows of each replica, and the precision."""

import contextlib
import json
import os
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from tfx_contrastive.trainer_module.config import DistributionConfig
from tfx_contrastive.trainer_module.training.networks import all_layers

_CLUSTER = "TF_CONFIG"


def build_strategy(config: DistributionConfig) -> tf.distribute.Strategy:
    """The strategy of a configuration; for `multi_worker` call it before any other use of TensorFlow.

    Args:
        config: Which, and which devices.

    Returns:
        The strategy; TensorFlow's default one, a single device, for `none`.

    Raises:
        ValueError: If several workers are wanted and TF_CONFIG does not say which.
    """
    if config.strategy == "mirrored":
        return tf.distribute.MirroredStrategy(list(config.devices) or None)
    if config.strategy == "multi_worker":
        cluster = json.loads(os.environ.get(_CLUSTER) or "{}")
        if not cluster.get("cluster", {}).get("worker") or "task" not in cluster:
            raise ValueError(
                f"distribution.strategy is multi_worker, but the environment variable {_CLUSTER} names no "
                'workers and task: expected {"cluster": {"worker": ["host:port", …]}, "task": {"type": '
                '"worker", "index": 0}}; a training operator on Kubernetes sets it'
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes checkpoints, scalars and the model: it holds the first replica."""
    return 0 in _local_replicas(strategy)


def local_rows(strategy: tf.distribute.Strategy, batch_size: int) -> slice:
    """Which images of each batch belong to this process: those of its replicas.

    Args:
        strategy: The strategy.
        batch_size: Images of the whole batch, a multiple of the number of replicas.

    Returns:
        A slice of the batch.
    """
    share = batch_size // strategy.num_replicas_in_sync
    replicas = _local_replicas(strategy)
    return slice(min(replicas) * share, (max(replicas) + 1) * share)


def split_rows(
    strategy: tf.distribute.Strategy, rows: np.ndarray
) -> tf.types.experimental.distributed.PerReplica:
    """Give each replica of this process its part.

    Args:
        strategy: The strategy.
        rows: Of this process, [num_steps, n, ...].

    Returns:
        [num_steps, n / number of replicas of this process, ...] for each.
    """
    replicas = _local_replicas(strategy)
    share = rows.shape[1] // len(replicas)

    def part(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
        start = (context.replica_id_in_sync_group - min(replicas)) * share
        return tf.convert_to_tensor(rows[:, start : start + share])

    return strategy.experimental_distribute_values_from_function(part)


def synchronize_batch_norm(network: keras.Model) -> None:
    """Let batch norm take its statistics from the images of all replicas, in place."""
    for layer in all_layers(network):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _local_replicas(strategy: tf.distribute.Strategy) -> list[int]:
    """Numbers of this process's replicas among all; they follow each other."""
    replicas: list[int] = []

    def note(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
        replicas.append(int(context.replica_id_in_sync_group))
        return tf.zeros([])

    strategy.experimental_distribute_values_from_function(note)
    return replicas


# NVIDIA Ampere, the first GPUs with bfloat16.
_MIN_COMPUTE_CAPABILITY = (8, 0)


@contextlib.contextmanager
def compute_policy(mixed_precision: str) -> Iterator[None]:
    """Networks built inside compute in bfloat16, weights and outputs staying float32.

    Bfloat16 has the range of float32, so that no loss scaling is needed.

    Args:
        mixed_precision: `on`, `off`, or `auto`: on where every GPU has it, off on a CPU, whose
            results then do not depend on which instructions it has.
    """
    before = keras.config.dtype_policy()
    if mixed_precision == "on" or (mixed_precision == "auto" and _gpus_have_bfloat16()):
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _gpus_have_bfloat16() -> bool:
    gpus = tf.config.list_physical_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    return bool(gpus) and all(
        detail.get("compute_capability", (0, 0)) >= _MIN_COMPUTE_CAPABILITY for detail in details
    )

"""Devices of pretraining: the strategy, the rows of each replica, and the precision."""

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf
from numpy.typing import NDArray

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.trainer_module.config import DistributionConfig
from tfx_contrastive.trainer_module.training.networks import all_layers

_CLUSTER = "TF_CONFIG"


def build_strategy(config: DistributionConfig) -> tf.distribute.Strategy:
    """Build the strategy; for `multi_worker` call this before any other use of TensorFlow.

    Args:
        config: Strategy and devices.

    Returns:
        The strategy; for `none` TensorFlow's default, a single device.

    Raises:
        ValueError: If the strategy is `multi_worker` and TF_CONFIG does not name the workers.
    """
    if config.strategy == "mirrored":
        return tf.distribute.MirroredStrategy(list(config.devices) or None)
    if config.strategy == "multi_worker":
        cluster = json.loads(os.environ.get(_CLUSTER) or "{}")
        if not cluster.get("cluster", {}).get("worker") or "task" not in cluster:
            raise ConfigError(
                f"distribution.strategy is multi_worker, but the environment variable {_CLUSTER} names no "
                'workers and task: expected {"cluster": {"worker": ["host:port", …]}, "task": {"type": '
                '"worker", "index": 0}}; a training operator on Kubernetes sets it'
            )
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.get_strategy()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Return True if this process has the first replica; it writes checkpoints, scalars and the model."""
    return 0 in _local_replicas(strategy)


def local_rows(strategy: tf.distribute.Strategy, batch_size: int) -> slice:
    """Return the slice of each batch that the replicas of this process train.

    Args:
        strategy: The strategy.
        batch_size: Number of images of the whole batch, a multiple of the number of replicas.

    Returns:
        A slice of the batch.
    """
    share = batch_size // strategy.num_replicas_in_sync
    replicas = _local_replicas(strategy)
    return slice(min(replicas) * share, (max(replicas) + 1) * share)


def split_rows(
    strategy: tf.distribute.Strategy, rows: NDArray[Any]
) -> tf.types.experimental.distributed.PerReplica:
    """Distribute rows to the replicas of this process.

    Args:
        strategy: The strategy.
        rows: Rows of this process, [num_steps, n, ...].

    Returns:
        [num_steps, n / number of replicas of this process, ...] per replica.
    """
    replicas = _local_replicas(strategy)
    share = rows.shape[1] // len(replicas)

    def part(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
        start = (context.replica_id_in_sync_group - min(replicas)) * share
        return tf.convert_to_tensor(rows[:, start : start + share])

    return strategy.experimental_distribute_values_from_function(part)


def synchronize_batch_norm(network: keras.Model) -> None:
    """Set batch norm to compute its statistics over the images of all replicas, in place."""
    for layer in all_layers(network):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def _local_replicas(strategy: tf.distribute.Strategy) -> list[int]:
    """Return the numbers of this process's replicas, which are consecutive."""
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
    """Build networks inside this context that compute in bfloat16; weights and outputs stay float32.

    Bfloat16 has the range of float32, so no loss scaling is needed.

    Args:
        mixed_precision: `on`, `off`, or `auto`: on if all GPUs support bfloat16; off on a CPU, so that
            results do not depend on its instruction set.
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

"""Training on several devices: the strategy, who writes, and whose rows are whose."""

import json
import os

import keras
import numpy as np
import tensorflow as tf

from tfx_contrastive.trainer_module.config import DistributionConfig
from tfx_contrastive.trainer_module.pretrain.networks import all_layers

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
    """Gives each replica of this process its part.

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
    """Lets batch norm take its statistics from the images of all replicas, in place."""
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

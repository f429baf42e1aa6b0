"""Run in a process of its own: every objective on one device, and on two replicas with half the batch each.

Logical devices can be set up only before TensorFlow starts, hence the process. Prints one JSON object:
for each objective the largest difference of loss and of the gradient of the weights.
"""

import json
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tests.trainer_module.losses.references import views
from tfx_contrastive.trainer_module.config import CATALOG, ObjectiveConfig
from tfx_contrastive.trainer_module.losses.objective import Objective

NUM, DIM = 8, 5
LABELS = np.array([0, 1, -1, 0, -1, 1, 2, 2], np.int32)
VIEWS = np.asarray(views(NUM, DIM), np.float32)
Batch = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
START = np.random.default_rng(6).normal(size=(DIM, 4)).astype(np.float32)


def loss_of(objective: Objective, weights: tf.Variable, batch: Batch) -> tf.Tensor:
    """Projects the images linearly, as a network with shared weights would."""
    view_a, view_b, labels = batch
    z_a, z_b = tf.matmul(view_a, weights), tf.matmul(view_b, weights)
    needs = objective.requirements
    targets = (z_a[:, ::-1], z_b[:, ::-1]) if needs.targets != "none" else None
    return objective(z_a, z_b, labels if needs.labels != "unused" else None, targets)


def images(which: slice) -> Batch:
    return tf.constant(VIEWS[0, which]), tf.constant(VIEWS[1, which]), tf.constant(LABELS[which])


def on_one_device(objective: Objective) -> tuple[NDArray[Any], NDArray[Any]]:
    weights = tf.Variable(START)
    with tf.GradientTape() as tape:
        loss = loss_of(objective, weights, images(slice(0, NUM)))
    return loss.numpy(), tape.gradient(loss, weights).numpy()


def on_two_replicas(
    objective: Objective, strategy: tf.distribute.Strategy
) -> tuple[NDArray[Any], NDArray[Any]]:
    with strategy.scope():
        weights = tf.Variable(START)

    @tf.function
    def replica(batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        context = tf.distribute.get_replica_context()
        with tf.GradientTape() as tape:
            loss = loss_of(objective, weights, batch)
            scaled = loss / context.num_replicas_in_sync
        gradient = tape.gradient(scaled, weights)
        return loss, context.all_reduce(tf.distribute.ReduceOp.SUM, gradient)

    half = NUM // 2
    halves = strategy.experimental_distribute_values_from_function(
        lambda context: images(
            slice(context.replica_id_in_sync_group * half, (context.replica_id_in_sync_group + 1) * half)
        )
    )
    losses, gradients = strategy.run(replica, args=(halves,))
    losses = [loss.numpy() for loss in strategy.experimental_local_results(losses)]
    gradients = [gradient.numpy() for gradient in strategy.experimental_local_results(gradients)]
    assert len(losses) == 2
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)
    return losses[1], gradients[1]


def main() -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    # one strategy a process: a second one would count its collective operations from the same number
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    differences = {}
    for name, spec in CATALOG.items():
        objective = Objective(ObjectiveConfig(name=name, params=dict.fromkeys(spec.parameters, 0.5)))
        (loss, gradient), (loss_2, gradient_2) = (
            on_one_device(objective),
            on_two_replicas(objective, strategy),
        )
        scale = float(np.abs(gradient).max())
        assert scale > 1e-3, f"the gradient of {name} vanishes: the comparison would mean nothing"
        differences[name] = [
            float(abs(loss_2 - loss) / abs(loss)),
            float(np.abs(gradient_2 - gradient).max() / scale),
        ]
    print(json.dumps(differences))


if __name__ == "__main__":
    main()

"""The global batch, on every replica: objectives compare images across replicas."""

import tensorflow as tf


def gather_global_batch(rows: tf.Tensor) -> tf.Tensor:
    """Concatenates the rows of all replicas, in the order of the replicas.

    The backward pass sums, over the replicas, the gradients with respect to the rows that a replica
    gave. So where each replica computes the loss of the whole global batch, the *mean* of the replicas'
    gradients is the gradient of that loss: treat it as any per-replica loss of data parallelism, divide
    it by `num_replicas_in_sync` before taking the gradient (Keras's losses do), as optimisers sum.

    Args:
        rows: What this replica has, [N, ...]; N may differ among replicas.

    Returns:
        The rows of all replicas, [sum of N, ...]; `rows` itself where there is one replica.

    Raises:
        RuntimeError: If called across replicas, that is under `strategy.scope()` and outside of
            `strategy.run`, where a tensor belongs to no replica.
    """
    context = tf.distribute.get_replica_context()
    if context is None:
        raise RuntimeError(
            "the objective was called outside of a replica: call it in the function that is given to "
            "strategy.run"
        )
    if context.num_replicas_in_sync == 1:
        return rows
    return context.all_gather(rows, axis=0)

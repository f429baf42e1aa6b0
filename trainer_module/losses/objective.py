"""A configured objective, called on the images of all replicas."""

import importlib

import tensorflow as tf

from tfx_contrastive.trainer_module.config import ObjectiveConfig, Requirements


class Objective:
    """A function of the catalog with its parameters, on the global batch.

    Inside `strategy.run` it compares the images of all replicas.
    """

    def __init__(self, config: ObjectiveConfig):
        """Import the function and bind its parameters.

        Args:
            config: Name, distance and parameters of the objective.
        """
        self.config = config
        module, name = config.spec.function.rsplit(".", 1)
        self._function = getattr(importlib.import_module(module), name)
        self._arguments: dict[str, float | str] = dict(config.params)
        if config.distance is not None and len(config.spec.distances) > 1:
            self._arguments["distance"] = config.distance

    @property
    def requirements(self) -> Requirements:
        """Networks and labels that the training loop has to provide."""
        return self.config.requirements

    def per_anchor(
        self,
        z_a: tf.Tensor,
        z_b: tf.Tensor,
        labels: tf.Tensor | None = None,
        targets: tuple[tf.Tensor, tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Return the loss of each anchor of the global batch.

        Args:
            z_a: Projections of view a, float [N, D], or predictions if the objective requires a predictor.
            z_b: The same of view b, float [N, D]; row i is the same image as `z_a[i]`.
            labels: Class of each image, int [N], negative if unknown. Only for objectives that use labels.
            targets: Target projections of view a and view b, float [N, D] each. Required by objectives with
                targets, refused by all others.

        Returns:
            float32 [2N], view a first; a scalar if the objective has no value per anchor.

        Raises:
            ValueError: If `targets` are missing or not used, or `labels` are not used.
        """
        self._check(labels, targets)
        inputs = [gather_global_batch(z) for z in (z_a, z_b, *(targets or ()))]
        if labels is None:
            return self._function(*inputs, **self._arguments)
        return self._function(*inputs, labels=gather_global_batch(labels), **self._arguments)

    def __call__(
        self,
        z_a: tf.Tensor,
        z_b: tf.Tensor,
        labels: tf.Tensor | None = None,
        targets: tuple[tf.Tensor, tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """Return the mean of `per_anchor`, float32 scalar, which is equal on all replicas."""
        return tf.reduce_mean(self.per_anchor(z_a, z_b, labels, targets))

    def _check(self, labels: tf.Tensor | None, targets: tuple[tf.Tensor, tf.Tensor] | None) -> None:
        name = self.config.name
        if targets is None and self.requirements.targets != "none":
            raise ValueError(
                f"{name} regresses targets: pass targets=(t_a, t_b), projections of the "
                f"{self.requirements.targets} network, and the predictor's output as z_a and z_b"
            )
        if targets is not None and self.requirements.targets == "none":
            raise ValueError(f"{name} has no targets: leave `targets` out")
        if labels is not None and self.requirements.labels == "unused":
            raise ValueError(f"{name} does not use labels: leave `labels` out, or choose supcon")


def gather_global_batch(rows: tf.Tensor) -> tf.Tensor:
    """Concatenate the rows of all replicas, in the order of the replicas.

    The backward pass sums, over the replicas, the gradients with respect to the rows of one replica. If each
    replica computes the loss of the global batch, the *mean* of the replicas' gradients is therefore the
    gradient of that loss. As in any data parallelism, divide the loss by `num_replicas_in_sync` before taking
    the gradient (Keras's losses do this), because optimizers sum gradients.

    Args:
        rows: The rows of this replica, [N, ...]; N may differ among replicas.

    Returns:
        The rows of all replicas, [sum of N, ...]; `rows` itself if there is one replica.

    Raises:
        RuntimeError: If called under `strategy.scope()` but outside of `strategy.run`, where a tensor belongs
            to no replica.
    """
    context = tf.distribute.get_replica_context()
    if context is None:
        raise RuntimeError(
            "the objective was called outside of a replica: call it in the function that is passed to "
            "strategy.run"
        )
    if context.num_replicas_in_sync == 1:
        return rows
    return context.all_gather(rows, axis=0)

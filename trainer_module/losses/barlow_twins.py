"""Barlow Twins: the cross-correlation of two views becomes the identity."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import as_views, check_positive

_EPSILON = 1e-5  # the authors' code standardizes by batch norm with this epsilon


def barlow_twins_loss(z_a: tf.Tensor, z_b: tf.Tensor, redundancy_weight: float) -> tf.Tensor:
    """Return the distance of the cross-correlation from the identity (arXiv:2103.03230, eq. 1 and 2).

    `sum_i (1 - C_ii)^2 + lambda sum_{i != j} C_ij^2`, where C [D, D] is the correlation over the batch of
    dimension i of view a with dimension j of view b.

    Args:
        z_a: Projections of view a, float [N, D]; standardized here, over the batch.
        z_b: Projections of view b, float [N, D]; row i is the same image as `z_a[i]`.
        redundancy_weight: lambda, positive; 5e-3 in the paper.

    Returns:
        Loss of the batch, float32 scalar; there is no value per anchor. For constant embeddings it is D.

    Raises:
        ValueError: If the weight is not positive, or the shapes are not two equal [N, D] with N >= 2.
    """
    z_a, z_b = as_views(z_a, z_b, min_images=2)
    check_positive("redundancy_weight", redundancy_weight)
    num = tf.cast(tf.shape(z_a)[0], tf.float32)
    correlation = tf.matmul(_standardized(z_a), _standardized(z_b), transpose_a=True) / num  # [D, D]
    diagonal = tf.linalg.diag_part(correlation)
    off_diagonal = tf.linalg.set_diag(correlation, tf.zeros_like(diagonal))
    invariance = tf.reduce_sum(tf.square(1.0 - diagonal))
    return invariance + redundancy_weight * tf.reduce_sum(tf.square(off_diagonal))


def _standardized(z: tf.Tensor) -> tf.Tensor:
    """Return each dimension with mean 0 and variance 1 over the batch, float32 [N, D]."""
    centered = z - tf.reduce_mean(z, axis=0)
    return centered * tf.math.rsqrt(tf.reduce_mean(tf.square(centered), axis=0) + _EPSILON)

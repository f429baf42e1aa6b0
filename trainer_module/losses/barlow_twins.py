"""The objective of Barlow Twins."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.inputs import as_views, check_positive

_EPSILON = 1e-5  # of the batch norm (without scale and offset) by which the authors' code standardises


def barlow_twins_loss(z_a: tf.Tensor, z_b: tf.Tensor, redundancy_weight: float) -> tf.Tensor:
    """Cross-correlation of the views' dimensions towards the identity (arXiv:2103.03230, eq. 1 and 2).

    `sum_i (1 - C_ii)^2 + lambda sum_{i != j} C_ij^2`, C [D, D] being the correlation, over the batch, of
    dimension i of view a with dimension j of view b.

    Args:
        z_a: Projections of view a, float [N, D]; standardised here, over the batch.
        z_b: Projections of view b, float [N, D]; row i is the same image as `z_a[i]`.
        redundancy_weight: lambda, positive; 5e-3 in the paper.

    Returns:
        Loss of the batch, float32 scalar: it has no value per anchor. Constant embeddings have D.

    Raises:
        ValueError: If the weight is not positive, or the shapes are not two equal [N, D] with N >= 2.
    """
    z_a, z_b = as_views(z_a, z_b, min_images=2)
    check_positive("redundancy_weight", redundancy_weight)
    num = tf.cast(tf.shape(z_a)[0], tf.float32)
    correlation = tf.matmul(_standardised(z_a), _standardised(z_b), transpose_a=True) / num  # [D, D]
    diagonal = tf.linalg.diag_part(correlation)
    off_diagonal = tf.linalg.set_diag(correlation, tf.zeros_like(diagonal))
    invariance = tf.reduce_sum(tf.square(1.0 - diagonal))
    return invariance + redundancy_weight * tf.reduce_sum(tf.square(off_diagonal))


def _standardised(z: tf.Tensor) -> tf.Tensor:
    centred = z - tf.reduce_mean(z, axis=0)
    return centred * tf.math.rsqrt(tf.reduce_mean(tf.square(centred), axis=0) + _EPSILON)

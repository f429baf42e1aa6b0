"""VICReg: invariance of the views, and variance and covariance of their dimensions."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import as_views, check_positive

_TARGET_STD = 1.0  # gamma of the paper
_VARIANCE_EPSILON = 1e-4


def vicreg_loss(
    z_a: tf.Tensor,
    z_b: tf.Tensor,
    invariance_weight: float,
    variance_weight: float,
    covariance_weight: float,
) -> tf.Tensor:
    """Return the loss of VICReg (arXiv:2105.04906, eq. 1 to 6).

    `lambda s(Z, Z') + mu (v(Z) + v(Z')) + nu (c(Z) + c(Z'))`, where s is the mean squared difference of
    the views, v the mean over dimensions of the hinge `max(0, 1 - std)`, and c the sum of squared
    covariances of different dimensions, divided by D. The factors are those of the paper's algorithm 1,
    where s is also a mean over dimensions (eq. 5, taken literally, is D times as large). The authors' code
    differs from both: it halves v(Z) + v(Z'), so that its mu of 25 corresponds to 12.5 here.

    Args:
        z_a: Projections of view a, float [N, D]; must not be normalized.
        z_b: Projections of view b, float [N, D]; row i is the same image as `z_a[i]`.
        invariance_weight: lambda, positive; 25 in the paper.
        variance_weight: mu, positive; 25 in the paper.
        covariance_weight: nu, positive; 1 in the paper.

    Returns:
        Loss of the batch, float32 scalar; there is no value per anchor. For constant embeddings it is
        2 mu (1 - 0.01).

    Raises:
        ValueError: If a weight is not positive, or the shapes are not two equal [N, D] with N >= 2.
    """
    z_a, z_b = as_views(z_a, z_b, min_images=2)
    check_positive("invariance_weight", invariance_weight)
    check_positive("variance_weight", variance_weight)
    check_positive("covariance_weight", covariance_weight)
    invariance = tf.reduce_mean(tf.math.squared_difference(z_a, z_b))
    variance_a, covariance_a = _regularizers(z_a)
    variance_b, covariance_b = _regularizers(z_b)
    return (
        invariance_weight * invariance
        + variance_weight * (variance_a + variance_b)
        + covariance_weight * (covariance_a + covariance_b)
    )


def _regularizers(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the terms v and c of one view, float32 scalars."""
    num, dim = tf.cast(tf.shape(z)[0], tf.float32), tf.cast(tf.shape(z)[1], tf.float32)
    centered = z - tf.reduce_mean(z, axis=0)
    covariance = tf.matmul(centered, centered, transpose_a=True) / (num - 1.0)  # [D, D], unbiased
    variances = tf.linalg.diag_part(covariance)
    hinge = tf.reduce_mean(tf.maximum(_TARGET_STD - tf.sqrt(variances + _VARIANCE_EPSILON), 0.0))
    off_diagonal = tf.linalg.set_diag(covariance, tf.zeros_like(variances))
    return hinge, tf.reduce_sum(tf.square(off_diagonal)) / dim

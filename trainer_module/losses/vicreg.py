"""The objective of VICReg."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.inputs import as_views, check_positive

_TARGET_STD = 1.0  # the paper's gamma
_EPSILON = 1e-4


def vicreg_loss(
    z_a: tf.Tensor,
    z_b: tf.Tensor,
    invariance_weight: float,
    variance_weight: float,
    covariance_weight: float,
) -> tf.Tensor:
    """Variance-invariance-covariance regularisation (VICReg, arXiv:2105.04906, eq. 1 to 6).

    `lambda s(Z, Z') + mu (v(Z) + v(Z')) + nu (c(Z) + c(Z'))`, where s is the mean squared difference of
    the views, v the mean hinge `max(0, 1 - std)` of a dimension and c the sum of squared covariances of
    different dimensions, divided by D. Factors are those of the paper's algorithm 1: s is the mean over
    dimensions too (eq. 5, taken literally, is D times as large). The authors' published program differs
    from both: it halves v(Z) + v(Z'), so that its mu of 25 is 12.5 here.

    Args:
        z_a: Projections of view a, float [N, D]; must not be normalised.
        z_b: Projections of view b, float [N, D]; row i is the same image as `z_a[i]`.
        invariance_weight: lambda, positive; 25 in the paper.
        variance_weight: mu, positive; 25 in the paper.
        covariance_weight: nu, positive; 1 in the paper.

    Returns:
        Loss of the batch, float32 scalar: it has no value per anchor. Constant embeddings have
        2 mu (1 - 0.01).

    Raises:
        ValueError: If a weight is not positive, or the shapes are not two equal [N, D] with N >= 2.
    """
    z_a, z_b = as_views(z_a, z_b, min_images=2)
    check_positive("invariance_weight", invariance_weight)
    check_positive("variance_weight", variance_weight)
    check_positive("covariance_weight", covariance_weight)
    invariance = tf.reduce_mean(tf.math.squared_difference(z_a, z_b))
    variance_a, covariance_a = _regularisers(z_a)
    variance_b, covariance_b = _regularisers(z_b)
    return (
        invariance_weight * invariance
        + variance_weight * (variance_a + variance_b)
        + covariance_weight * (covariance_a + covariance_b)
    )


def _regularisers(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The terms v and c of one view, float32 scalars."""
    num, dim = tf.cast(tf.shape(z)[0], tf.float32), tf.cast(tf.shape(z)[1], tf.float32)
    centred = z - tf.reduce_mean(z, axis=0)
    covariance = tf.matmul(centred, centred, transpose_a=True) / (num - 1.0)  # [D, D], unbiased
    variances = tf.linalg.diag_part(covariance)
    hinge = tf.reduce_mean(tf.maximum(_TARGET_STD - tf.sqrt(variances + _EPSILON), 0.0))
    off_diagonal = tf.linalg.set_diag(covariance, tf.zeros_like(variances))
    return hinge, tf.reduce_sum(tf.square(off_diagonal)) / dim

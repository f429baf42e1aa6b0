"""Objectives on statistics of the batch: Barlow Twins, VICReg, alignment and uniformity."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import as_matrix, as_views, check_positive

_CORRELATION_EPSILON = 1e-5  # Barlow Twins: the authors' code standardizes by batch norm with this epsilon
_TARGET_STD = 1.0  # VICReg's gamma
_VARIANCE_EPSILON = 1e-4  # VICReg
_EXCLUDED = -1e9  # a finite logit whose exp is 0


def barlow_twins_loss(z_a: tf.Tensor, z_b: tf.Tensor, redundancy_weight: float) -> tf.Tensor:
    """Barlow Twins: distance of the cross-correlation from the identity (arXiv:2103.03230, eq. 1 and 2).

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
    centered = z - tf.reduce_mean(z, axis=0)
    return centered * tf.math.rsqrt(tf.reduce_mean(tf.square(centered), axis=0) + _CORRELATION_EPSILON)


def vicreg_loss(
    z_a: tf.Tensor,
    z_b: tf.Tensor,
    invariance_weight: float,
    variance_weight: float,
    covariance_weight: float,
) -> tf.Tensor:
    """Variance-invariance-covariance regularization (VICReg, arXiv:2105.04906, eq. 1 to 6).

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


def alignment_uniformity_loss(
    z_a: tf.Tensor, z_b: tf.Tensor, uniformity_weight: float, uniformity_scale: float
) -> tf.Tensor:
    """Alignment of positives plus uniformity of each view (Wang and Isola, arXiv:2005.10242).

    `E |z_a - z_b|^2 + weight * (U(z_a) + U(z_b)) / 2`, `U(z) = log E exp(-t |x - y|^2)`.

    Args:
        z_a: Projections of view a, float [N, D]; normalized here.
        z_b: Projections of view b, float [N, D]; row i is the same image as `z_a[i]`.
        uniformity_weight: Positive weight of uniformity; 1 in the authors' code.
        uniformity_scale: t, positive; 2 in the paper.

    Returns:
        Loss of the batch, float32 scalar; may be negative. For constant embeddings it is 0.

    Raises:
        ValueError: If a parameter is not positive, or the shapes are not two equal [N, D] with N >= 2.
    """
    z_a, z_b = as_views(z_a, z_b, min_images=2)
    check_positive("uniformity_weight", uniformity_weight)
    spread = uniformity_term(z_a, uniformity_scale) + uniformity_term(z_b, uniformity_scale)
    return tf.reduce_mean(alignment_term(z_a, z_b)) + uniformity_weight * 0.5 * spread


def alignment_term(z_a: tf.Tensor, z_b: tf.Tensor) -> tf.Tensor:
    """Return the squared distance of the unit vectors of each positive pair ("L_align", alpha = 2).

    Args:
        z_a: Vectors of view a, float [N, D]; normalized here.
        z_b: Vectors of view b, float [N, D].

    Returns:
        float32 [N], in [0, 4].
    """
    z_a, z_b = as_views(z_a, z_b)
    difference = tf.math.l2_normalize(z_a, axis=1) - tf.math.l2_normalize(z_b, axis=1)
    return tf.reduce_sum(tf.square(difference), axis=1)


def uniformity_term(z: tf.Tensor, scale: float) -> tf.Tensor:
    """Return the log of the mean Gaussian potential of different images ("L_uniform").

    Args:
        z: Vectors of one view, float [N, D], N >= 2; normalized here.
        scale: t of the potential exp(-t |x - y|^2), positive.

    Returns:
        float32 scalar, in [-4 t, 0].
    """
    check_positive("uniformity_scale", scale)
    z = tf.math.l2_normalize(as_matrix(z, "z"), axis=1)
    # |x - y|^2 = 2 - 2 x.y of unit vectors
    exponents = tf.matmul(2.0 * scale * z, z, transpose_b=True) - 2.0 * scale  # [N, N]
    exponents = tf.linalg.set_diag(exponents, tf.fill(tf.shape(z)[:1], _EXCLUDED))
    num = tf.cast(tf.shape(z)[0], tf.float32)
    return tf.reduce_logsumexp(exponents) - tf.math.log(num * (num - 1.0))

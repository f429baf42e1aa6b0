"""Alignment of positives plus uniformity on the sphere."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import EXCLUDED, as_matrix, as_views, check_positive


def alignment_uniformity_loss(
    z_a: tf.Tensor, z_b: tf.Tensor, uniformity_weight: float, uniformity_scale: float
) -> tf.Tensor:
    """Return alignment of positives plus weighted uniformity of each view (Wang and Isola, arXiv:2005.10242).

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
    exponents = tf.linalg.set_diag(exponents, tf.fill(tf.shape(z)[:1], EXCLUDED))
    num = tf.cast(tf.shape(z)[0], tf.float32)
    return tf.reduce_logsumexp(exponents) - tf.math.log(num * (num - 1.0))

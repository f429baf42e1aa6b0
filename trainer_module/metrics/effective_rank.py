"""In how many directions embeddings differ."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import as_matrix

# Mean squared distance from the mean below which unit vectors differ by rounding only.
_NO_VARIANCE = 1e-9


def effective_rank(z: tf.Tensor) -> tf.Tensor:
    """Exponential of the entropy of the covariance's spectrum (Roy and Vetterli, EUSIPCO 2007).

    Sees dimensional collapse, which alignment and uniformity may miss (RankMe, arXiv:2210.02885, uses
    it, with singular values, to rank encoders without labels).

    Must not be used to say that a representation is good: noise has full rank. Must not be compared
    across numbers of images or widths: it is bounded by min(N - 1, D).

    Args:
        z: Embeddings, float [N, D]; normalised here.

    Returns:
        float32 scalar from 1 to min(N - 1, D); 0 where all embeddings are the same.
    """
    z = tf.math.l2_normalize(as_matrix(z, "z"), axis=1)
    centred = z - tf.reduce_mean(z, axis=0)
    num = tf.cast(tf.shape(z)[0], tf.float32)
    covariance = tf.matmul(centred, centred, transpose_a=True) / num  # [D, D]
    variances = tf.maximum(tf.linalg.eigvalsh(covariance), 0.0)
    total = tf.reduce_sum(variances)
    shares = tf.math.divide_no_nan(variances, total)
    entropy = -tf.reduce_sum(tf.math.xlogy(shares, shares))
    return tf.where(total > _NO_VARIANCE, tf.exp(entropy), 0.0)

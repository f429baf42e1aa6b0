"""How much each dimension of the embeddings varies."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import as_matrix


def embedding_std(z: tf.Tensor) -> tf.Tensor:
    """Mean standard deviation of a dimension, as a share of the even sphere's 1/sqrt(D).

    The collapse check of SimSiam (arXiv:2011.10566, section 4.1 and figure 2).

    Must not be used against dimensional collapse: embeddings along one line can have a high value; see
    `effective_rank`.

    Args:
        z: Embeddings, float [N, D]; normalised here.

    Returns:
        float32 scalar: 0 for a constant encoder, about 1 for an even spread.
    """
    z = tf.math.l2_normalize(as_matrix(z, "z"), axis=1)
    width = tf.cast(tf.shape(z)[1], tf.float32)
    return tf.reduce_mean(tf.math.reduce_std(z, axis=0)) * tf.sqrt(width)

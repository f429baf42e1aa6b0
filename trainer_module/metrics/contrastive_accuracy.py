"""How often an anchor finds its positive in the batch."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import as_views


def contrastive_accuracy(z_a: tf.Tensor, z_b: tf.Tensor) -> tf.Tensor:
    """Share of anchors whose positive is more similar than the 2N-2 views of other images.

    The "contrastive accuracy" that SimCLR's code logs (arXiv:2002.05709), with both views as anchors.

    Must not be used to compare runs with different batch sizes or augmentations, nor to choose a model:
    weak augmentations reach 1.0 with a useless representation.

    Args:
        z_a: Projections of view a, float [N, D]; normalised here.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`.

    Returns:
        float32 scalar in [0, 1]. A tie counts against the anchor: constant embeddings have 0.
    """
    z_a, z_b = as_views(z_a, z_b)
    a, b = tf.math.l2_normalize(z_a, axis=1), tf.math.l2_normalize(z_b, axis=1)
    across = tf.matmul(a, b, transpose_b=True)  # [N, N]
    positives = tf.linalg.diag_part(across)
    others = tf.linalg.set_diag(across, tf.fill(tf.shape(positives), -2.0))  # below any cosine
    hits_a = positives > tf.maximum(tf.reduce_max(others, axis=1), _nearest_other(a))
    hits_b = positives > tf.maximum(tf.reduce_max(others, axis=0), _nearest_other(b))
    return tf.reduce_mean(tf.cast(tf.concat([hits_a, hits_b], axis=0), tf.float32))


def _nearest_other(z: tf.Tensor) -> tf.Tensor:
    """Largest cosine to another row of the same view, float32 [N]."""
    similarity = tf.matmul(z, z, transpose_b=True)
    return tf.reduce_max(tf.linalg.set_diag(similarity, tf.fill(tf.shape(z)[:1], -2.0)), axis=1)

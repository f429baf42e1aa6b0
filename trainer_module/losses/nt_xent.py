"""NT-Xent, the objective of SimCLR."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import (
    check_positive,
    logits_of_others,
    unit_views,
    with_both_anchors,
)


def nt_xent_loss(z_a: tf.Tensor, z_b: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return the NT-Xent loss of N positive pairs (SimCLR, arXiv:2002.05709, eq. 1).

    Each of the 2N views is an anchor. Its candidates are the 2N-1 other views. One of them is its positive:
    the other view of the same image.
    `l(i, j) = -log(exp(sim(i, j) / t) / sum_{k != i} exp(sim(i, k) / t))`, sim being the cosine.

    Args:
        z_a: Projections of view a, float [N, D]; normalized here.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`.
        temperature: Positive number t that divides the cosines.

    Returns:
        Loss per anchor, float32 [2N], view a first. Its mean is the paper's value. The loss of
        constant embeddings is log(2N-1), which is chance.

    Raises:
        ValueError: If `temperature` is not positive, or the shapes are not two equal [N, D].
    """
    a, b, z = unit_views(z_a, z_b)
    check_positive("temperature", temperature)
    logits = logits_of_others(z, temperature)  # [2N, 2N]
    positives = tf.reduce_sum(a * b, axis=1) / temperature  # [N]
    return tf.reduce_logsumexp(logits, axis=1) - with_both_anchors(positives)

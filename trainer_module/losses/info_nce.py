"""InfoNCE, the objective of CPC and CLIP, with a choice of distance."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import (
    as_views,
    check_positive,
    paired_distance,
    pairwise_distance,
    with_both_anchors,
)


def info_nce_loss(z_a: tf.Tensor, z_b: tf.Tensor, temperature: float, distance: str = "cosine") -> tf.Tensor:
    """Return the cross-entropy of finding the positive among N candidates (CPC, arXiv:1807.03748, eq. 4).

    The candidates of a_i are b_1 … b_N and, unlike in NT-Xent, no views of its own side; those of b_i
    are a_1 … a_N: `-log(exp(-d(a_i, b_i) / t) / sum_j exp(-d(a_i, b_j) / t))`. With `cosine` this is the
    symmetric loss of CLIP (arXiv:2103.00020).

    Args:
        z_a: Projections of view a, float [N, D]; normalized for `cosine` only.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`.
        temperature: Positive number t that divides the negated distances.
        distance: One of `config.ALL_DISTANCES`.

    Returns:
        Loss per anchor, float32 [2N], view a first. The loss of constant embeddings is log(N), which is
        chance.

    Raises:
        ValueError: If `temperature` is not positive, the distance unknown, or the shapes are not two
            equal [N, D].
    """
    z_a, z_b = as_views(z_a, z_b)
    check_positive("temperature", temperature)
    logits = pairwise_distance(z_a, z_b, distance) / -temperature  # [N, N]
    positives = paired_distance(z_a, z_b, distance) / -temperature  # [N]
    partition = [tf.reduce_logsumexp(logits, axis=axis) for axis in (1, 0)]
    return tf.concat(partition, axis=0) - with_both_anchors(positives)

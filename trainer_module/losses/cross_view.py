"""What objectives share that compare each view a with each view b: both sides are anchors in turn."""

import tensorflow as tf


def with_both_anchors(per_image: tf.Tensor) -> tf.Tensor:
    """Repeats a value of N images, float32 [N], for the anchors of view a, then of view b: [2N]."""
    return tf.concat([per_image, per_image], axis=0)


def mean_of_negatives(as_anchor_a: tf.Tensor, as_anchor_b: tf.Tensor) -> tf.Tensor:
    """Mean cost of an anchor's N-1 negatives; the diagonal, the positives, is left out.

    Args:
        as_anchor_a: Cost of the pair (a_i, b_j) to a_i, float32 [N, N].
        as_anchor_b: Cost of the pair (a_i, b_j) to b_j, float32 [N, N].

    Returns:
        float32 [2N]: rows (anchors a) first, then columns (anchors b).
    """
    sums = [
        tf.reduce_sum(costs, axis=axis) - tf.linalg.diag_part(costs)
        for costs, axis in ((as_anchor_a, 1), (as_anchor_b, 0))
    ]
    return tf.concat(sums, axis=0) / tf.cast(tf.shape(as_anchor_a)[0] - 1, tf.float32)

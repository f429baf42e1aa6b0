"""DCL: NT-Xent without the positive in the denominator."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import (
    EXCLUDED,
    check_positive,
    unit_views,
    with_both_anchors,
)


def dcl_loss(z_a: tf.Tensor, z_b: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return the decoupled contrastive loss (L_DC of DCL, arXiv:2110.06848, section 3).

    NT-Xent without the positive in the denominator: `-sim(i, j) / t + log sum_k exp(sim(i, k) / t)`,
    where k runs over the 2N-2 views of *other* images. The gradient of an easy positive no longer
    vanishes, which helps small batches most.

    Args:
        z_a: Projections of view a, float [N, D]; normalized here.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`.
        temperature: Positive number t that divides the cosines.

    Returns:
        Loss per anchor, float32 [2N], view a first; may be negative. The loss of constant
        embeddings is log(2N-2).

    Raises:
        ValueError: If `temperature` is not positive, or the shapes are not two equal [N, D], N >= 2.
    """
    a, b, z = unit_views(z_a, z_b, min_images=2)
    check_positive("temperature", temperature)
    logits = tf.matmul(z / temperature, z, transpose_b=True)  # [2N, 2N]
    image = tf.tile(tf.range(tf.shape(a)[0]), [2])
    logits = tf.where(image[:, None] == image[None, :], EXCLUDED, logits)
    positives = tf.reduce_sum(a * b, axis=1) / temperature  # [N]
    return tf.reduce_logsumexp(logits, axis=1) - with_both_anchors(positives)

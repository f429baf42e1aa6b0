"""The objective of SimSiam."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.inputs import as_views


def simsiam_loss(p_a: tf.Tensor, p_b: tf.Tensor, z_a: tf.Tensor, z_b: tf.Tensor) -> tf.Tensor:
    """Symmetrised negative cosine with stop-gradient (SimSiam, arXiv:2011.10566, eq. 1 to 4).

    `-cos(p_a, stopgrad(z_b))` for anchor a and `-cos(p_b, stopgrad(z_a))` for anchor b. There are no
    negatives: without the predictor or the stop-gradient it collapses at once, and without a batch norm
    in the projection head it does not train (section 4.4).

    Args:
        p_a: What the predictor makes of z_a, float [N, D].
        p_b: What the predictor makes of z_b, float [N, D].
        z_a: Projections of view a, float [N, D]. They receive no gradient here, only through p_a.
        z_b: Projections of view b, float [N, D]; the same images.

    Returns:
        Loss per anchor, float32 [2N], view a first, in [-1, 1]. Its mean is the paper's value.

    Raises:
        ValueError: If the shapes are not four equal [N, D].
    """
    return -regression_cosine(p_a, p_b, z_a, z_b)


def regression_cosine(p_a: tf.Tensor, p_b: tf.Tensor, z_a: tf.Tensor, z_b: tf.Tensor) -> tf.Tensor:
    """Cosine of each prediction with the other view's target, which is held constant.

    Args:
        p_a: Predictions of view a, float [N, D].
        p_b: Predictions of view b, float [N, D].
        z_a: Targets of view a, float [N, D].
        z_b: Targets of view b, float [N, D].

    Returns:
        float32 [2N]: cos(p_a, z_b), then cos(p_b, z_a).

    Raises:
        ValueError: If the shapes are not four equal [N, D].
    """
    p_a, z_b = as_views(p_a, z_b)
    p_b, z_a = as_views(p_b, z_a)
    p = tf.math.l2_normalize(tf.concat([p_a, p_b], axis=0), axis=1)  # [2N, D]
    z = tf.math.l2_normalize(tf.stop_gradient(tf.concat([z_b, z_a], axis=0)), axis=1)
    return tf.reduce_sum(p * z, axis=1)

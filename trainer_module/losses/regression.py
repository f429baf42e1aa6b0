"""Objectives that regress one view from the other, without negatives: SimSiam and BYOL."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import as_views


def simsiam_loss(p_a: tf.Tensor, p_b: tf.Tensor, z_a: tf.Tensor, z_b: tf.Tensor) -> tf.Tensor:
    """Symmetrized negative cosine with stop-gradient (SimSiam, arXiv:2011.10566, eq. 1 to 4).

    `-cos(p_a, stopgrad(z_b))` for anchor a and `-cos(p_b, stopgrad(z_a))` for anchor b. There are no
    negatives: without the predictor or the stop-gradient the representation collapses, and without batch
    norm in the projection head training fails (section 4.4).

    Args:
        p_a: Predictions from z_a, float [N, D].
        p_b: Predictions from z_b, float [N, D].
        z_a: Projections of view a, float [N, D]. They get a gradient through p_a only.
        z_b: Projections of view b, float [N, D]; the same images.

    Returns:
        Loss per anchor, float32 [2N], view a first, in [-1, 1]. Its mean is the paper's value.

    Raises:
        ValueError: If the shapes are not four equal [N, D].
    """
    return -regression_cosine(p_a, p_b, z_a, z_b)


def regression_cosine(p_a: tf.Tensor, p_b: tf.Tensor, z_a: tf.Tensor, z_b: tf.Tensor) -> tf.Tensor:
    """Return the cosine of each prediction and the other view's target, which gets no gradient.

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


def byol_loss(q_a: tf.Tensor, q_b: tf.Tensor, t_a: tf.Tensor, t_b: tf.Tensor) -> tf.Tensor:
    """Squared distance of unit prediction and unit target (BYOL, arXiv:2006.07733, eq. 2).

    `|q / |q| - t / |t||^2 = 2 - 2 cos(q, t)`, where q is the predictor's output for one view and t the
    *target* network's projection of the other. The target network is an exponential moving average of
    the online network, which the training loop updates; it gets no gradient.

    Args:
        q_a: Online predictions of view a, float [N, D].
        q_b: Online predictions of view b, float [N, D].
        t_a: Target projections of view a, float [N, D].
        t_b: Target projections of view b, float [N, D].

    Returns:
        Loss per anchor, float32 [2N], view a first, in [0, 4]. The paper adds the two views: its value
        is twice the mean of this.

    Raises:
        ValueError: If the shapes are not four equal [N, D].
    """
    return 2.0 - 2.0 * regression_cosine(q_a, q_b, t_a, t_b)

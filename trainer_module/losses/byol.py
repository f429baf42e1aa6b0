"""BYOL: each view predicts the other; the targets come from a network of averaged weights."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import cosine_to_targets


def byol_loss(q_a: tf.Tensor, q_b: tf.Tensor, t_a: tf.Tensor, t_b: tf.Tensor) -> tf.Tensor:
    """Return the squared distance of unit prediction and unit target (BYOL, arXiv:2006.07733, eq. 2).

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
    return 2.0 - 2.0 * cosine_to_targets(q_a, q_b, t_a, t_b)

"""The objective of BYOL."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.simsiam import regression_cosine


def byol_loss(q_a: tf.Tensor, q_b: tf.Tensor, t_a: tf.Tensor, t_b: tf.Tensor) -> tf.Tensor:
    """Squared distance of unit prediction and unit target (BYOL, arXiv:2006.07733, eq. 2).

    `|q / |q| - t / |t||^2 = 2 - 2 cos(q, t)`, q being the predictor's output for one view and t the
    *target* network's projection of the other. The target network is the exponential moving average of
    the online one (the training loop keeps it); it gets no gradient.

    Args:
        q_a: Online predictions of view a, float [N, D].
        q_b: Online predictions of view b, float [N, D].
        t_a: Target projections of view a, float [N, D].
        t_b: Target projections of view b, float [N, D].

    Returns:
        Loss per anchor, float32 [2N], view a first, in [0, 4]. The paper adds the two views: its value
        is twice the mean.

    Raises:
        ValueError: If the shapes are not four equal [N, D].
    """
    return 2.0 - 2.0 * regression_cosine(q_a, q_b, t_a, t_b)

"""SimSiam: each view predicts the other; the targets come from the trained network."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import cosine_to_targets


def simsiam_loss(p_a: tf.Tensor, p_b: tf.Tensor, z_a: tf.Tensor, z_b: tf.Tensor) -> tf.Tensor:
    """Return the symmetrized negative cosine with stop-gradient (SimSiam, arXiv:2011.10566, eq. 1 to 4).

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
    return -cosine_to_targets(p_a, p_b, z_a, z_b)

"""The contrastive loss of Hadsell, Chopra and LeCun: pairs with a margin."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import (
    as_views,
    check_positive,
    mean_of_negatives,
    paired_distance,
    pairwise_distance,
    with_both_anchors,
)


def margin_contrastive_loss(z_a: tf.Tensor, z_b: tf.Tensor, margin: float, distance: str) -> tf.Tensor:
    """Return the margin contrastive loss of a batch (Hadsell et al., CVPR 2006, eq. 3 and 4).

    A similar pair is the two views of an image, (a_i, b_i); a dissimilar pair is views of two images,
    (a_i, b_j). An anchor has one similar pair and N-1 dissimilar ones. Its loss is that of the similar pair
    plus the *mean* of the others, so that their relative weight does not depend on the batch size (the paper
    sums over a given set of pairs).

    Args:
        z_a: Projections of view a, float [N, D]; normalized for `cosine` only.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`.
        margin: Positive number in the unit of `distance`; at most 2 makes sense for `cosine`.
        distance: One of `config.ALL_DISTANCES`, the equation's D; `euclidean` in the paper.

    Returns:
        Loss per anchor, float32 [2N], view a first. The loss of constant embeddings is margin^2 / 2.

    Raises:
        ValueError: If `margin` is not positive, the distance unknown, or the shapes are not two equal
            [N, D] with N >= 2.
    """
    z_a, z_b = as_views(z_a, z_b, min_images=2)
    check_positive("margin", margin)
    positives = paired_distance(z_a, z_b, distance)  # [N]
    across = pairwise_distance(z_a, z_b, distance)  # [N, N]
    negative_losses = pair_loss(across, tf.zeros_like(across, tf.bool), margin)
    attraction = pair_loss(positives, tf.ones_like(positives, tf.bool), margin)
    return with_both_anchors(attraction) + mean_of_negatives(negative_losses, negative_losses)


def pair_loss(distances: tf.Tensor, similar: tf.Tensor, margin: float) -> tf.Tensor:
    """Return the loss of single pairs (Hadsell et al., CVPR 2006, eq. 4).

    `1/2 D^2` for a similar pair, `1/2 max(0, m - D)^2` for a dissimilar one. The paper
    marks similar pairs by Y = 0.

    Args:
        distances: Distance D of each pair, float32, any shape.
        similar: True for similar pairs, bool, the same shape.
        margin: m; dissimilar pairs farther apart than m have loss 0.

    Returns:
        Loss of each pair, float32, the same shape.
    """
    apart = tf.maximum(margin - distances, 0.0)
    return 0.5 * tf.square(tf.where(similar, distances, apart))

"""The pairwise margin contrastive loss of Hadsell, Chopra and LeCun."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.cross_view import mean_of_negatives, with_both_anchors
from tfx_contrastive.trainer_module.losses.distances import paired_distance, pairwise_distance
from tfx_contrastive.trainer_module.losses.inputs import as_views, check_positive


def pair_loss(distances: tf.Tensor, similar: tf.Tensor, margin: float) -> tf.Tensor:
    """Loss of single pairs (Hadsell et al., CVPR 2006, eq. 4).

    `1/2 D^2` for a similar pair, `1/2 max(0, m - D)^2` for a dissimilar one. (The paper's Y is 0 for
    similar pairs.)

    Args:
        distances: D of each pair, float32, any shape.
        similar: Whether a pair is similar, bool, the same shape.
        margin: m: dissimilar pairs farther apart than this cost nothing.

    Returns:
        Loss of each pair, float32, the same shape.
    """
    apart = tf.maximum(margin - distances, 0.0)
    return 0.5 * tf.square(tf.where(similar, distances, apart))


def margin_contrastive_loss(z_a: tf.Tensor, z_b: tf.Tensor, margin: float, distance: str) -> tf.Tensor:
    """Margin contrastive loss over a batch (Hadsell et al., CVPR 2006, eq. 3 and 4).

    The similar pairs are the two views of an image, the dissimilar ones those views of different images
    that lie across: (a_i, b_j). An anchor has one similar pair and N-1 dissimilar ones; its loss is that
    of the similar pair plus the *mean* of the others, so that the two pull alike for every batch size
    (the paper sums over a given set of pairs).

    Args:
        z_a: Projections of view a, float [N, D]; normalised for `cosine` only.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`.
        margin: Positive number in the unit of `distance`; at most 2 makes sense for `cosine`.
        distance: One of `catalog.ALL_DISTANCES`, the equation's D. The paper's is `euclidean`.

    Returns:
        Loss per anchor, float32 [2N], view a first. Constant embeddings have margin^2 / 2.

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

"""The triplet margin loss."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.cross_view import mean_of_negatives
from tfx_contrastive.trainer_module.losses.distances import paired_distance, pairwise_distance
from tfx_contrastive.trainer_module.losses.inputs import as_views, check_positive


def triplet_margin_loss(z_a: tf.Tensor, z_b: tf.Tensor, margin: float, distance: str) -> tf.Tensor:
    """Triplet margin loss over all triplets across the views (FaceNet, arXiv:1503.03832, eq. 3).

    `max(0, d(anchor, positive) - d(anchor, negative) + margin)`. A view is an anchor, the other view of
    its image the positive, and the other views of the N-1 other images are the negatives: the mean over
    all of these, without mining (FaceNet picks the hard ones; with views as positives, the hardest
    negatives are often images of the same kind).

    Args:
        z_a: Projections of view a, float [N, D]; normalised for `cosine` only.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`.
        margin: Positive number in the unit of `distance`.
        distance: One of `catalog.ALL_DISTANCES`. FaceNet's is `squared_euclidean` of unit vectors.

    Returns:
        Loss per anchor, float32 [2N], view a first. Constant embeddings have exactly `margin`.

    Raises:
        ValueError: If `margin` is not positive, the distance unknown, or the shapes are not two equal
            [N, D] with N >= 2.
    """
    z_a, z_b = as_views(z_a, z_b, min_images=2)
    check_positive("margin", margin)
    positives = paired_distance(z_a, z_b, distance)  # [N]
    across = pairwise_distance(z_a, z_b, distance)  # [N, N]
    as_anchor_a = tf.maximum(positives[:, None] - across + margin, 0.0)
    as_anchor_b = tf.maximum(positives[None, :] - across + margin, 0.0)
    return mean_of_negatives(as_anchor_a, as_anchor_b)

"""The triplet loss of FaceNet."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import (
    as_views,
    check_positive,
    mean_of_negatives,
    paired_distance,
    pairwise_distance,
)


def triplet_margin_loss(z_a: tf.Tensor, z_b: tf.Tensor, margin: float, distance: str) -> tf.Tensor:
    """Return the triplet margin loss over all triplets across the views (FaceNet, arXiv:1503.03832, eq. 3).

    `max(0, d(anchor, positive) - d(anchor, negative) + margin)`. Each view is an anchor; its positive is the
    other view of its image, its negatives are the opposite views of the N-1 other images. The loss is the
    mean over all negatives, without mining. (FaceNet selects hard negatives; with views as positives, these
    are often images of the same class.)

    Args:
        z_a: Projections of view a, float [N, D]; normalized for `cosine` only.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`.
        margin: Positive number in the unit of `distance`.
        distance: One of `config.ALL_DISTANCES`; `squared_euclidean` of unit vectors in the paper.

    Returns:
        Loss per anchor, float32 [2N], view a first. The loss of constant embeddings is `margin`.

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

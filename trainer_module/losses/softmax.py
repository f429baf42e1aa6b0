"""Objectives with a softmax over candidates: NT-Xent, DCL, SupCon and InfoNCE."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import (
    as_views,
    check_positive,
    paired_distance,
    pairwise_distance,
    with_both_anchors,
)

# Logit that excludes a candidate: its exp is 0, and it is finite, so that gradients are finite.
_EXCLUDED = -1e9


def nt_xent_loss(z_a: tf.Tensor, z_b: tf.Tensor, temperature: float) -> tf.Tensor:
    """NT-Xent loss of N positive pairs (SimCLR, arXiv:2002.05709, eq. 1).

    Each of the 2N views is an anchor. Its candidates are the 2N-1 other views, one of which, the other
    view of the same image, is its positive:
    `l(i, j) = -log(exp(sim(i, j) / t) / sum_{k != i} exp(sim(i, k) / t))`, sim being the cosine.

    Args:
        z_a: Projections of view a, float [N, D]; need not be normalized.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`.
        temperature: Positive number dividing the cosine similarities.

    Returns:
        Loss per anchor, float32 [2N], view a first. Its mean is the paper's value. The loss of
        constant embeddings is log(2N-1), which is chance.

    Raises:
        ValueError: If `temperature` is not positive, or the shapes are not two equal [N, D].
    """
    z_a, z_b = as_views(z_a, z_b)
    check_positive("temperature", temperature)
    a = tf.math.l2_normalize(z_a, axis=1)
    b = tf.math.l2_normalize(z_b, axis=1)
    z = tf.concat([a, b], axis=0)  # [2N, D]
    logits = tf.matmul(z / temperature, z, transpose_b=True)  # [2N, 2N]
    logits = tf.linalg.set_diag(logits, tf.fill(tf.shape(z)[:1], _EXCLUDED))
    positives = tf.reduce_sum(a * b, axis=1) / temperature  # [N]
    return tf.reduce_logsumexp(logits, axis=1) - tf.concat([positives, positives], axis=0)


def dcl_loss(z_a: tf.Tensor, z_b: tf.Tensor, temperature: float) -> tf.Tensor:
    """Decoupled contrastive loss (L_DC of DCL, arXiv:2110.06848, section 3).

    NT-Xent without the positive in the denominator: `-sim(i, j) / t + log sum_k exp(sim(i, k) / t)`,
    where k runs over the 2N-2 views of *other* images. The gradient of an easy positive no longer
    vanishes, which helps small batches most.

    Args:
        z_a: Projections of view a, float [N, D]; need not be normalized.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`.
        temperature: Positive number dividing the cosine similarities.

    Returns:
        Loss per anchor, float32 [2N], view a first; may be negative. The loss of constant
        embeddings is log(2N-2).

    Raises:
        ValueError: If `temperature` is not positive, or the shapes are not two equal [N, D], N >= 2.
    """
    z_a, z_b = as_views(z_a, z_b, min_images=2)
    check_positive("temperature", temperature)
    a = tf.math.l2_normalize(z_a, axis=1)
    b = tf.math.l2_normalize(z_b, axis=1)
    z = tf.concat([a, b], axis=0)  # [2N, D]
    logits = tf.matmul(z / temperature, z, transpose_b=True)  # [2N, 2N]
    image = tf.tile(tf.range(tf.shape(a)[0]), [2])
    logits = tf.where(image[:, None] == image[None, :], _EXCLUDED, logits)
    positives = tf.reduce_sum(a * b, axis=1) / temperature  # [N]
    return tf.reduce_logsumexp(logits, axis=1) - with_both_anchors(positives)


def supcon_loss(
    z_a: tf.Tensor, z_b: tf.Tensor, temperature: float, labels: tf.Tensor | None = None
) -> tf.Tensor:
    """Supervised contrastive loss (SupCon, arXiv:2004.11362, eq. 2, "L_out").

    `-1/|P(i)| sum_{p in P(i)} log(exp(sim(i, p) / t) / sum_{k != i} exp(sim(i, k) / t))`. P(i) are the
    other views of the anchor's class. The only positive of an unlabeled image is its own other view; it
    is a negative of all other images. Without any label this is NT-Xent.

    Args:
        z_a: Projections of view a, float [N, D]; need not be normalized.
        z_b: Projections of view b, float [N, D]; row i is the same image as `z_a[i]`.
        temperature: Positive number dividing the cosine similarities.
        labels: Class of each image, int [N]; negative if unknown. None: all are unknown.

    Returns:
        Loss per anchor, float32 [2N], view a first. The loss of constant embeddings is log(2N-1).

    Raises:
        ValueError: If `temperature` is not positive, the shapes are not two equal [N, D], or the labels
            are not integers [N].
    """
    z_a, z_b = as_views(z_a, z_b)
    check_positive("temperature", temperature)
    a = tf.math.l2_normalize(z_a, axis=1)
    b = tf.math.l2_normalize(z_b, axis=1)
    z = tf.concat([a, b], axis=0)  # [2N, D]
    logits = tf.matmul(z / temperature, z, transpose_b=True)  # [2N, 2N]
    logits = tf.linalg.set_diag(logits, tf.fill(tf.shape(z)[:1], _EXCLUDED))

    # The sum of an anchor's similarities to its class equals its similarity to the sum of its class.
    same = _same_class(labels, a)  # [N, N]
    class_sums = tf.tile(tf.matmul(same, a + b), [2, 1])  # [2N, D]
    similarities = tf.reduce_sum(z * (class_sums - z), axis=1)  # [2N], without the anchor itself
    num_positives = tf.tile(2.0 * tf.reduce_sum(same, axis=1) - 1.0, [2])
    return tf.reduce_logsumexp(logits, axis=1) - similarities / (num_positives * temperature)


def _same_class(labels: tf.Tensor | None, views: tf.Tensor) -> tf.Tensor:
    """Return 1 for two images with the same label and for an image with itself, else 0: float32 [N, N]."""
    num = tf.shape(views)[0]
    if labels is None:
        return tf.eye(num)
    labels = tf.convert_to_tensor(labels)
    if not labels.dtype.is_integer or not labels.shape.is_compatible_with(views.shape[:1]):
        raise ValueError(
            f"labels have dtype {labels.dtype.name} and shape {labels.shape}: expected one integer per "
            f"image, shape {views.shape[:1]}, negative if the label is unknown"
        )
    # Each unlabeled image becomes a class of its own: -1, -2, …
    classes = tf.where(labels >= 0, labels, tf.cast(-1 - tf.range(num), labels.dtype))
    return tf.cast(classes[:, None] == classes[None, :], tf.float32)


def info_nce_loss(z_a: tf.Tensor, z_b: tf.Tensor, temperature: float, distance: str = "cosine") -> tf.Tensor:
    """Cross-entropy contrastive loss with N candidates per anchor (CPC, arXiv:1807.03748, eq. 4).

    The candidates of a_i are b_1 … b_N and, unlike in NT-Xent, no views of its own side; those of b_i
    are a_1 … a_N: `-log(exp(-d(a_i, b_i) / t) / sum_j exp(-d(a_i, b_j) / t))`. With `cosine` this is the
    symmetric loss of CLIP (arXiv:2103.00020).

    Args:
        z_a: Projections of view a, float [N, D]; normalized for `cosine` only.
        z_b: Projections of view b, float [N, D]; row i is the positive of `z_a[i]`.
        temperature: Positive number dividing the negated distances.
        distance: One of `config.ALL_DISTANCES`.

    Returns:
        Loss per anchor, float32 [2N], view a first. The loss of constant embeddings is log(N), which is
        chance.

    Raises:
        ValueError: If `temperature` is not positive, the distance unknown, or the shapes are not two
            equal [N, D].
    """
    z_a, z_b = as_views(z_a, z_b)
    check_positive("temperature", temperature)
    logits = pairwise_distance(z_a, z_b, distance) / -temperature  # [N, N]
    positives = paired_distance(z_a, z_b, distance) / -temperature  # [N]
    partition = [tf.reduce_logsumexp(logits, axis=axis) for axis in (1, 0)]
    return tf.concat(partition, axis=0) - with_both_anchors(positives)

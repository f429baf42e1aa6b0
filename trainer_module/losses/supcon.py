"""SupCon: NT-Xent whose positives also include the other images of the same class."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.vectors import check_positive, logits_of_others, unit_views


def supcon_loss(
    z_a: tf.Tensor, z_b: tf.Tensor, temperature: float, labels: tf.Tensor | None = None
) -> tf.Tensor:
    """Return the supervised contrastive loss (SupCon, arXiv:2004.11362, eq. 2, "L_out").

    `-1/|P(i)| sum_{p in P(i)} log(exp(sim(i, p) / t) / sum_{k != i} exp(sim(i, k) / t))`. P(i) are
    the other views of the anchor's class. The only positive of an unlabeled image is its own other view; all
    other images are its negatives. Without any label this is NT-Xent.

    Args:
        z_a: Projections of view a, float [N, D]; normalized here.
        z_b: Projections of view b, float [N, D]; row i is the same image as `z_a[i]`.
        temperature: Positive number t that divides the cosines.
        labels: Class of each image, int [N]; negative if unknown. None: all are unknown.

    Returns:
        Loss per anchor, float32 [2N], view a first. The loss of constant embeddings is log(2N-1).

    Raises:
        ValueError: If `temperature` is not positive, the shapes are not two equal [N, D], or the labels
            are not integers [N].
    """
    a, b, z = unit_views(z_a, z_b)
    check_positive("temperature", temperature)
    logits = logits_of_others(z, temperature)  # [2N, 2N]

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

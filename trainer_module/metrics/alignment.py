"""How near the two views of an image are."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.alignment_uniformity import alignment_term


def alignment(z_a: tf.Tensor, z_b: tf.Tensor) -> tf.Tensor:
    """Mean squared distance of positive pairs on the sphere (Wang and Isola, arXiv:2005.10242).

    Must not be read alone: a constant encoder has the best value, 0. Must not be compared across
    augmentations, which set how far apart the views start.

    Args:
        z_a: Embeddings of view a, float [N, D]; normalised here.
        z_b: Embeddings of view b, float [N, D]; row i is the same image as `z_a[i]`.

    Returns:
        float32 scalar in [0, 4]; lower is nearer.
    """
    return tf.reduce_mean(alignment_term(z_a, z_b))

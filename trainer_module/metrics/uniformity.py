"""How evenly embeddings cover the sphere."""

import tensorflow as tf

from tfx_contrastive.trainer_module.losses.alignment_uniformity import uniformity_term


def uniformity(z: tf.Tensor) -> tf.Tensor:
    """Log mean Gaussian potential of pairs of images, t = 2 (Wang and Isola, arXiv:2005.10242).

    Must not be read alone: random vectors are the most uniform. Must not be compared across widths:
    what is reachable depends on D.

    Args:
        z: Embeddings of one view, float [N, D], N >= 2; normalised here.

    Returns:
        float32 scalar: 0 for a constant encoder, down to about -4 for an even spread.
    """
    return uniformity_term(z, scale=2.0)

"""Networks that follow another one slowly: BYOL's target, and the running average that is kept."""

import keras
import tensorflow as tf


def copy_network(network: keras.Model) -> keras.Model:
    """A network of the same layers and weights, with variables of its own."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return copy


def follow(slow: keras.Model, fast: keras.Model, decay: float | tf.Tensor) -> None:
    """Moves one network's weights and batch norm statistics towards another's: an exponential average.

    Args:
        slow: The one that is moved.
        fast: A network of the same layers.
        decay: Share of itself that `slow` keeps, in [0, 1].
    """
    for mean, current in zip(slow.variables, fast.variables, strict=True):
        if tf.as_dtype(mean.dtype).is_floating:
            mean.assign(decay * mean + (1.0 - decay) * current)


def warmed_up(decay: float, step: tf.Tensor) -> tf.Tensor:
    """Decay of an average after `step` steps: small in the first ones, which say little.

    Args:
        decay: Of a long training, in [0, 1).
        step: Steps done, 1 or more, integer scalar.

    Returns:
        float32 scalar.
    """
    done = tf.cast(step, tf.float32)
    return tf.minimum(decay, done / (10.0 + done))

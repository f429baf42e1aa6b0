"""From the configuration of an optimizer to the optimizer; LARS, which Keras lacks."""

from typing import Any

import keras
import tensorflow as tf

from tfx_contrastive.trainer_module.config import AdamW, AnyOptimizer, Sgd


@keras.saving.register_keras_serializable(package="tfx_contrastive")
class LARS(keras.optimizers.Optimizer):
    """SGD with momentum and a learning rate per layer (arXiv:1708.03888), as in SimCLR's code.

    With gradient g, decay b, weights w and global rate r, `g' = g + b w` and
    `m <- momentum m + r eta |w| / |g'| g'`, `w <- w - m` (google-research/simclr, tf2/lars_optimizer.py).
    Vectors (biases, and scales and offsets of batch norm) have no weight decay and use the global rate.
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 1e-3,
        **settings: Any,
    ):
        """Set the rates.

        Args:
            learning_rate: r, or a schedule.
            momentum: Share of the last update that is kept.
            weight_decay: b.
            trust_coefficient: eta.
            **settings: Arguments of a Keras optimizer, such as `global_clipnorm`.
        """
        super().__init__(learning_rate=learning_rate, **settings)
        self.momentum = momentum
        self.decay = weight_decay  # not named `weight_decay`, which Keras would apply too
        self.trust_coefficient = trust_coefficient

    def build(self, variables: list[Any]) -> None:
        """Create the momentum of each variable."""
        if self.built:
            return
        super().build(variables)
        self.momenta = [self.add_variable_from_reference(each, "momentum") for each in variables]

    def update_step(self, gradient: tf.Tensor, variable: Any, learning_rate: tf.Tensor) -> None:
        """Update one variable."""
        ops = keras.ops
        rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        if len(variable.shape) > 1:
            gradient += self.decay * variable
            # keras.ops.norm refuses tensors of more than two axes, such as the kernels of convolutions.
            weight_norm, gradient_norm = (ops.sqrt(ops.sum(ops.square(x))) for x in (variable, gradient))
            both = ops.logical_and(weight_norm > 0, gradient_norm > 0)
            ratio = self.trust_coefficient * weight_norm / ops.where(both, gradient_norm, 1.0)
            rate *= ops.where(both, ratio, 1.0)
        momentum = self.momenta[self._get_variable_index(variable)]
        self.assign(momentum, self.momentum * momentum + rate * gradient)
        self.assign_sub(variable, momentum)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of `from_config`."""
        config: dict[str, Any] = super().get_config()
        return config | {
            "momentum": self.momentum,
            "weight_decay": self.decay,
            "trust_coefficient": self.trust_coefficient,
        }


def build_optimizer(config: AnyOptimizer, num_steps: int) -> keras.optimizers.Optimizer:
    """Build an optimizer with linear warm-up and cosine decay to zero.

    Biases, and scales and offsets of batch norm, have no weight decay.

    Args:
        config: The optimizer and its rates.
        num_steps: Number of steps of the whole training.

    Returns:
        The optimizer, not built.
    """
    warmup = round(config.warmup_fraction * num_steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        decay_steps=max(1, num_steps - warmup),
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    decay, clip = config.weight_decay, config.clip_norm
    if isinstance(config, AdamW):
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=decay, global_clipnorm=clip)
    elif isinstance(config, Sgd):
        optimizer = keras.optimizers.SGD(
            schedule, config.momentum, config.nesterov, weight_decay=decay, global_clipnorm=clip
        )
    else:
        return LARS(schedule, config.momentum, decay, config.trust_coefficient, global_clipnorm=clip)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer

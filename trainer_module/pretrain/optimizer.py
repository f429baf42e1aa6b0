"""From the configuration of an optimiser to the optimiser."""

import keras

from tfx_contrastive.trainer_module.config import AdamW, AnyOptimizer, Sgd
from tfx_contrastive.trainer_module.pretrain.lars import LARS


def build_optimizer(config: AnyOptimizer, num_steps: int) -> keras.optimizers.Optimizer:
    """The optimiser with linear warm-up and cosine decay to zero.

    Biases and the scales and offsets of batch norm are not decayed: that would only shrink features.

    Args:
        config: Which, and its rates.
        num_steps: Steps of the whole training.

    Returns:
        The optimiser, not built.
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

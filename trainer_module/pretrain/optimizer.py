"""The optimiser of pretraining."""

import keras

from trainer_module.config import OptimizerConfig


def build_optimizer(config: OptimizerConfig, num_steps: int) -> keras.optimizers.Optimizer:
    """AdamW (arXiv:1711.05101) with linear warm-up and cosine decay to zero.

    Biases and the scales and offsets of batch norm are not decayed: that would only shrink features.

    Args:
        config: Rates.
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
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=config.weight_decay, global_clipnorm=config.clip_norm
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer

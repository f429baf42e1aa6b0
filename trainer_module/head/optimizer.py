"""AdamW with layer-wise learning rates: the layers next to the pixels change least."""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfx_contrastive.trainer_module.config import FineTuneConfig
from tfx_contrastive.trainer_module.pretrain.optimizer import build_optimizer

# A deep network is cut into this many sections; each has one learning rate.
_MAX_SECTIONS = 8

Optimizers = list[tuple[keras.optimizers.Optimizer, list[tf.Variable]]]


def layerwise_optimizers(encoder: keras.Model, head: keras.Model, config: FineTuneConfig) -> Optimizers:
    """One optimiser for each section of the network, from the pixels to the head.

    The head learns at the configured rate; each section of the encoder below it at `config.layer_decay`
    times the rate of the section above (as in BEiT, arXiv:2106.08254, and ELECTRA before it).

    Args:
        encoder: Its trainable variables are taken in their order of creation.
        head: The classifier.
        config: Rates, their decay, and the steps after which they are zero.

    Returns:
        Pairs of an optimiser, built, and the variables that it updates.
    """
    sections = [*_sections(encoder.trainable_variables), head.trainable_variables]
    optimizers = []
    for index, variables in enumerate(sections):
        rate = config.optimizer.learning_rate * config.layer_decay ** (len(sections) - 1 - index)
        optimizer = build_optimizer(
            config.optimizer.model_copy(update={"learning_rate": rate}), config.num_steps
        )
        optimizer.build(variables)
        optimizers.append((optimizer, variables))
    return optimizers


def _sections(variables: Sequence[tf.Variable]) -> list[list[tf.Variable]]:
    """Cuts variables into layers (a kernel and what follows it), and layers into at most 8 sections."""
    layers: list[list[tf.Variable]] = [[]]
    for variable in variables:
        if len(variable.shape) > 1 and layers[-1]:
            layers.append([])
        layers[-1].append(variable)
    count = min(_MAX_SECTIONS, len(layers))
    sections: list[list[tf.Variable]] = [[] for _ in range(count)]
    for index, layer in enumerate(layers):
        sections[index * count // len(layers)].extend(layer)
    return sections

"""The space that is searched, and how a point of it changes the configuration."""

import logging
from collections.abc import Mapping
from typing import Any

import keras_tuner

from tfx_contrastive.trainer_module.config import (
    CONFIGURED,
    ObjectiveConfig,
    PretrainConfig,
    TunerConfig,
    objective_label,
)

_log = logging.getLogger(__name__)

_TEMPERATURE = "temperature"


def search_space(space: TunerConfig) -> keras_tuner.HyperParameters:
    """Objective, its temperature where it takes one, policy of the views, learning rate.

    Args:
        space: What to choose from.

    Returns:
        The hyperparameters, all declared.
    """
    parameters = keras_tuner.HyperParameters()
    labels = [objective_label(objective) for objective in space.objectives]
    parameters.Choice("objective", labels)
    tempered = [objective_label(each) for each in space.objectives if _TEMPERATURE in each.params]
    if tempered:
        with parameters.conditional_scope("objective", tempered):
            parameters.Float(_TEMPERATURE, space.min_temperature, space.max_temperature, sampling="log")
    parameters.Choice("views", [CONFIGURED, *sorted(space.views)])
    parameters.Float("learning_rate", space.min_learning_rate, space.max_learning_rate, sampling="log")
    return parameters


def apply_hyperparameters(
    config: PretrainConfig, space: TunerConfig, values: Mapping[str, Any]
) -> PretrainConfig:
    """The configuration at a point of the space; what the space does not name stays.

    Args:
        config: The configuration.
        space: What was chosen from.
        values: Choices by name, as `keras_tuner.HyperParameters.values` has them.

    Returns:
        The changed configuration.
    """
    objective = next(each for each in space.objectives if objective_label(each) == values["objective"])
    if _TEMPERATURE in objective.params:
        params = {**objective.params, _TEMPERATURE: values[_TEMPERATURE]}
        objective = ObjectiveConfig(name=objective.name, distance=objective.distance, params=params)
    policy = config.views.policy if values["views"] == CONFIGURED else space.views[values["views"]]
    return config.model_copy(
        update={
            "objective": objective,
            "views": config.views.model_copy(update={"policy": policy}),
            "optimizer": config.optimizer.model_copy(update={"learning_rate": values["learning_rate"]}),
        }
    )


def tuned(config: PretrainConfig, space: TunerConfig, best: Mapping[str, Any]) -> PretrainConfig:
    """The configuration at the point that a search found best.

    Args:
        config: The configuration.
        space: What was chosen from.
        best: `keras_tuner.HyperParameters.get_config()` of the best trial, as the Tuner writes it.

    Returns:
        The changed configuration.
    """
    values = keras_tuner.HyperParameters.from_config(dict(best)).values
    _log.info("hyperparameters of the Tuner: %s", values)
    return apply_hyperparameters(config, space, values)

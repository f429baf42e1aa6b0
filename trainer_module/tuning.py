"""The search for pretraining's hyperparameters: each trial is scored on the labels of `eval`."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow_transform as tft

from tfx_contrastive.contract.errors import DataError, PretrainingCollapsedError
from tfx_contrastive.contract.metrics.probes import KNN_TEMPERATURE, knn_accuracy
from tfx_contrastive.trainer_module.config import (
    CONFIGURED,
    ObjectiveConfig,
    PretrainConfig,
    TunerConfig,
    objective_label,
)
from tfx_contrastive.trainer_module.dataset import ImageDataset, read_images
from tfx_contrastive.trainer_module.head.linear_head import accuracy, fit_linear_head
from tfx_contrastive.trainer_module.pretrain.loop import pretrain
from tfx_contrastive.trainer_module.pretrain.stage import run_digest
from tfx_contrastive.trainer_module.training.networks import BatchEncoder

_log = logging.getLogger(__name__)

_TEMPERATURE = "temperature"


def search_space(space: TunerConfig) -> keras_tuner.HyperParameters:
    """Return the search space: objective, temperature, policy of the views, and learning rate.

    Args:
        space: The candidates and ranges.

    Returns:
        The declared hyperparameters; the temperature depends on the objective.
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
    """Return the configuration at a point of the search space; all other settings are kept.

    Args:
        config: The configuration.
        space: The candidates and ranges.
        values: Values by name, as in `keras_tuner.HyperParameters.values`.

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
    """Return the configuration at the best point of a search.

    Args:
        config: The configuration.
        space: The candidates and ranges.
        best: `keras_tuner.HyperParameters.get_config()` of the best trial, as written by the Tuner.

    Returns:
        The changed configuration.
    """
    values = keras_tuner.HyperParameters.from_config(dict(best)).values
    _log.info("hyperparameters of the Tuner: %s", values)
    return apply_hyperparameters(config, space, values)


SCORE = "score"
_PENALTIES = (1e-2, 1e-3, 1e-4)


class PretrainTuner(keras_tuner.Tuner):
    """Bayesian search over `search_space`; a search that was stopped resumes.

    Trials are compared after a short pretraining, so that fast learning wins, which is not always the best
    after a long one. Use the score to choose, not to report.
    """

    def __init__(
        self,
        train: ImageDataset,
        evaluation: ImageDataset,
        config: PretrainConfig,
        space: TunerConfig,
        directory: str,
    ):
        """Set up the search, or resume an earlier one.

        Args:
            train: Images to pretrain on; the labeled ones are the training data of the probe.
            evaluation: Images of `eval`; the labeled ones give the score.
            config: All other settings of pretraining.
            space: Candidates, number and length of trials, score.
            directory: Directory of this search only.

        Raises:
            ValueError: If either split lacks labels.
        """
        self._train, self._config, self._space = train, config, space
        self._known, self._asked = train.labeled(), evaluation.labeled()
        if len(self._known) == 0 or len(self._asked) == 0:
            raise DataError(
                f"the tuner was given {len(self._known)} labeled images of train and {len(self._asked)} of "
                "eval: it scores trials by labels, so give some of both or set tuner.enabled to false"
            )
        oracle = keras_tuner.oracles.BayesianOptimizationOracle(
            objective=keras_tuner.Objective(SCORE, "max"),
            max_trials=space.max_trials,
            seed=space.seed,
            hyperparameters=search_space(space),
            tune_new_entries=False,
        )
        super().__init__(oracle, directory=directory, project_name="search")

    def run_trial(
        self, trial: keras_tuner.engine.trial.Trial, *_args: Any, **_settings: Any
    ) -> dict[str, float]:
        """Pretrain at one point of the search space.

        Args:
            trial: The trial with its hyperparameters.

        Returns:
            The score, from 0 to 1; 0 if pretraining collapsed.

        Raises:
            keras_tuner.errors.FatalError: On any other error, which KerasTuner would otherwise ignore.
        """
        values = trial.hyperparameters.values
        directory = self.get_trial_dir(trial.trial_id)
        keras.utils.clear_session()
        try:
            encoder = pretrain(self._train, self._trial_config(values), f"{directory}/checkpoints", directory)
            score = self._score(encoder)
        except PretrainingCollapsedError as error:
            _log.warning("trial %s: %s", trial.trial_id, error)
            score = 0.0
        except Exception as error:
            raise keras_tuner.errors.FatalError(f"trial {trial.trial_id} failed: {error}") from error
        done = len(self.oracle.trials)
        _log.info(
            "trial %d of %d: %s %.4f, %s", done, self._space.max_trials, self._space.score, score, values
        )
        return {SCORE: score}

    def _trial_config(self, values: dict[str, Any]) -> PretrainConfig:
        config = apply_hyperparameters(self._config, self._space, values)
        watch = config.watch.model_copy(update={"keep": "last", "probe_every": self._space.num_steps})
        return config.model_copy(update={"num_steps": self._space.num_steps, "watch": watch})

    def _score(self, encoder: keras.Model) -> float:
        encode = BatchEncoder(encoder, self._train.image_shape)
        h, h_eval = encode(self._known.images), encode(self._asked.images)
        labels, labels_eval = self._known.label_index, self._asked.label_index
        if self._space.score == "knn_probe":
            neighbors = self._config.watch.probe_neighbors
            return knn_accuracy((h, labels), (h_eval, labels_eval), neighbors, KNN_TEMPERATURE)
        classes, rows = np.unique(labels, return_inverse=True)
        # A class of `eval` without labels in `train` gets an index that is never predicted.
        rows_eval = np.where(
            np.isin(labels_eval, classes), np.searchsorted(classes, labels_eval), len(classes)
        )
        known = rows_eval < len(classes)
        weights = np.ones(len(classes), np.float32)
        probe = fit_linear_head(h, rows, weights, h_eval[known], rows_eval[known], _PENALTIES)
        return float(accuracy(probe.classifier.logits(h_eval), rows_eval))


def build(
    train_files: Sequence[str],
    eval_files: Sequence[str],
    transform_dir: str,
    config: PretrainConfig,
    space: TunerConfig,
    checkpoint_root: str,
) -> PretrainTuner:
    """Build the search over the images of some files.

    Args:
        train_files: TFRecord files of the training split.
        eval_files: TFRecord files of the `eval` split.
        transform_dir: Output of the Transform component.
        config: All other settings of pretraining.
        space: Candidates, trials and score.
        checkpoint_root: The search is kept in a subdirectory, named by a digest of configuration and data.

    Returns:
        The tuner.
    """
    tf_transform_output = tft.TFTransformOutput(transform_dir)
    train, evaluation = (
        read_images(files, tf_transform_output, config.cache_limit_mb) for files in (train_files, eval_files)
    )
    searched = hashlib.sha256(space.model_dump_json().encode()).hexdigest()[:8]
    name = f"tuner-{run_digest(config, train)}-{searched}"
    return PretrainTuner(train, evaluation, config, space, f"{checkpoint_root.rstrip('/')}/{name}")

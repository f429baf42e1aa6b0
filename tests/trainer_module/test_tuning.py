import json
import pathlib
from typing import Any

import keras_tuner
import numpy as np
import pytest

from tests.trainer_module.digits_data import digit_pixels
from tfx_contrastive.trainer_module.config import (
    EncoderConfig,
    Lars,
    Noise,
    ObjectiveConfig,
    PretrainConfig,
    TunerConfig,
    WatchConfig,
)
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.tuning import PretrainTuner, apply_hyperparameters, search_space, tuned

SPACE = TunerConfig(
    max_trials=2,
    num_steps=6,
    objectives=(
        ObjectiveConfig(name="nt_xent", params={"temperature": 0.2}),
        ObjectiveConfig(name="vicreg", params={"covariance_weight": 2.0}),
    ),
    views={"noisy": (Noise(),)},
)
CONFIG = PretrainConfig(
    encoder=EncoderConfig(name="c4n"),
    projection_dims=(16,),
    batch_size=32,
    log_every=3,
    watch=WatchConfig(on_collapse="error"),
)


def digits(rows: slice, labeled: bool = True) -> ImageDataset:
    pixels, labels = digit_pixels(300)
    pixels, labels = pixels[rows], labels[rows]
    return ImageDataset(
        images=pixels[..., np.newaxis],
        label_index=labels if labeled else np.full(len(labels), -1),
        image_id=np.array([str(row).encode() for row in range(len(labels))], dtype=object),
        mean=np.array([0.3], np.float32),
        std=np.array([0.37], np.float32),
    )


def search(directory: Any, **settings: Any) -> PretrainTuner:
    space = SPACE.model_copy(update=settings)
    return PretrainTuner(digits(slice(200)), digits(slice(200, 300)), CONFIG, space, str(directory))


def test_the_space_holds_what_was_configured() -> None:
    space = search_space(SPACE)
    objective, temperature, views, rate = space.space
    assert objective.values == ["nt_xent-cosine", "vicreg"]
    assert (temperature.min_value, temperature.max_value) == (0.05, 0.5)
    assert temperature.conditions[0].values == ["nt_xent-cosine"]
    assert views.values == ["configured", "noisy"]
    assert (rate.min_value, rate.max_value) == (5e-4, 8e-3)


def test_a_point_of_the_space_changes_the_configuration() -> None:
    config = CONFIG.model_copy(update={"optimizer": Lars(momentum=0.5)})
    values = {"objective": "nt_xent-cosine", "temperature": 0.07, "views": "noisy", "learning_rate": 0.003}
    changed = apply_hyperparameters(config, SPACE, values)
    assert changed.objective.params == {"temperature": 0.07}
    assert changed.views.policy == (Noise(),)
    assert changed.optimizer == Lars(momentum=0.5, learning_rate=0.003)
    assert changed.encoder == config.encoder
    assert PretrainConfig.model_validate_json(changed.model_dump_json()) == changed

    values = {"objective": "vicreg", "views": "configured", "learning_rate": 0.001}
    changed = apply_hyperparameters(config, SPACE, values)
    assert changed.objective.params["covariance_weight"] == 2.0
    assert changed.views == config.views


def test_two_trials_are_scored_kept_and_handed_to_the_pretrainer(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuner = search(tmp_path)
    tuner.search(verbose=0)
    trials = tuner.oracle.get_best_trials(5)
    assert len(trials) == 2
    assert trials[0].score >= trials[1].score > 0.2  # ten classes; even an untrained encoder is above chance

    # What TFX writes and reads again.
    best = json.loads(json.dumps(tuner.get_best_hyperparameters()[0].get_config()))
    changed = tuned(CONFIG, SPACE, best)
    assert changed.optimizer.learning_rate == trials[0].hyperparameters.get("learning_rate")
    assert changed.num_steps == CONFIG.num_steps

    again = search(tmp_path)  # a second run of the same search has nothing left to do
    monkeypatch.setattr(again, "run_trial", None)
    again.search(verbose=0)
    kept = again.oracle.get_best_trials(5)
    assert {each.trial_id: each.score for each in kept} == {each.trial_id: each.score for each in trials}


def test_the_linear_probe_as_score(tmp_path: pathlib.Path) -> None:
    tuner = search(tmp_path, max_trials=1, score="linear_probe")
    tuner.search(verbose=0)
    assert tuner.oracle.get_best_trials(1)[0].score > 0.3


def test_an_error_stops_the_search(tmp_path: pathlib.Path) -> None:
    space = SPACE.model_copy(update={"max_trials": 1})
    config = CONFIG.model_copy(update={"micro_batches": 3})
    tuner = PretrainTuner(digits(slice(200)), digits(slice(200, 300)), config, space, str(tmp_path))
    with pytest.raises(keras_tuner.errors.FatalError, match="batch_size is 32.*give a multiple"):
        tuner.search(verbose=0)


def test_without_labels_there_is_no_score(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="0 labeled images of train and 100 of eval"):
        PretrainTuner(
            digits(slice(200), labeled=False), digits(slice(200, 300)), CONFIG, SPACE, str(tmp_path)
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_temperature": 0.6}, "min_temperature .* is above max_temperature"),
        ({"views": {"configured": []}}, "choose another name"),
        ({"objectives": [{"name": "vicreg"}, {"name": "vicreg"}]}, "each objective and distance once"),
        ({"objectives": []}, "at least 1 item"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TunerConfig.model_validate(settings)

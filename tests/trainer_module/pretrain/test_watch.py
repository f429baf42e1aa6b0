import dataclasses
import math
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfx_contrastive.trainer_module.config import EncoderConfig, WatchConfig
from tfx_contrastive.trainer_module.encoders.build import build_encoder
from tfx_contrastive.trainer_module.pretrain.learner import Outcome
from tfx_contrastive.trainer_module.pretrain.watch import (
    BestEncoder,
    Figures,
    find_problems,
    measure,
)

HEALTHY = Figures(loss=2.0, contrastive_accuracy=0.7, embedding_std=0.8, effective_rank=20.0)
CHANCE = math.log(2 * 256 - 1)


def test_healthy_figures_raise_no_problem() -> None:
    assert find_problems(HEALTHY, WatchConfig(), CHANCE) == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"loss": CHANCE}, "at chance level"),
        ({"effective_rank": 1.2}, "effective rank of embeddings is 1.20"),
        ({"embedding_std": 0.001}, "collapses to a point"),
    ],
)
def test_each_problem_is_named(change: Any, text: Any) -> None:
    (problem,) = find_problems(dataclasses.replace(HEALTHY, **change), WatchConfig(), CHANCE)
    assert text in problem


def test_no_chance_level_no_such_problem() -> None:
    assert find_problems(dataclasses.replace(HEALTHY, loss=100.0), WatchConfig(), None) == []


def encoder(value: float) -> Any:
    model = build_encoder(EncoderConfig(name="c4n"), (8, 8, 1), [0.5], [0.5])
    model.set_weights([np.full_like(weight, value) for weight in model.get_weights()])
    return model


@pytest.mark.parametrize("scheme", ["", "memory:/"])
def test_the_highest_score_wins_and_survives_a_restart(tmp_path: pathlib.Path, scheme: str) -> None:
    directory = f"{scheme}{tmp_path}"
    best = BestEncoder(directory)
    assert best.step is None
    for step, score in ((10, 0.5), (20, 0.7), (30, 0.6)):
        best.offer(encoder(step), step, score)
    resumed = BestEncoder(directory)
    assert resumed.step == 20
    resumed.offer(encoder(40), 40, 0.65)
    restored = encoder(0)
    resumed.restore(restored)
    for weight in restored.get_weights():
        np.testing.assert_array_equal(weight, np.full_like(weight, 20))


def test_of_equal_scores_the_later_is_kept(tmp_path: pathlib.Path) -> None:
    best = BestEncoder(str(tmp_path))
    best.offer(encoder(1), 1, 0.5)
    best.offer(encoder(2), 2, 0.5)
    assert best.step == 2


def test_metrics_of_a_batch_have_their_closed_forms() -> None:
    views = tf.concat([tf.eye(4), tf.eye(4)], axis=0)
    figures = measure(np.array([1.0, 2.0]), Outcome(loss=tf.zeros([2]), h=views, z=views))
    assert (figures.loss, figures.contrastive_accuracy) == (1.5, 1.0)
    assert figures.effective_rank == pytest.approx(
        3, rel=1e-4
    )  # four corners of a simplex span three directions
    assert figures.embedding_std == pytest.approx(math.sqrt(3) / 2, rel=1e-5)


def test_constant_representations_are_a_collapse() -> None:
    views = tf.ones([8, 4])
    figures = measure(np.array([CHANCE]), Outcome(loss=tf.zeros([1]), h=views, z=views))
    assert (figures.contrastive_accuracy, figures.effective_rank) == (0.0, 0.0)
    assert len(find_problems(figures, WatchConfig(), CHANCE)) == 3

import dataclasses
import math

import pytest

from tfx_contrastive.trainer_module.config import WatchConfig
from tfx_contrastive.trainer_module.pretrain.watch import Figures, find_problems

HEALTHY = Figures(loss=2.0, contrastive_accuracy=0.7, embedding_std=0.8, effective_rank=20.0)
CHANCE = math.log(2 * 256 - 1)


def test_healthy_figures_raise_no_problem():
    assert find_problems(HEALTHY, WatchConfig(), CHANCE) == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"loss": CHANCE}, "at chance level"),
        ({"effective_rank": 1.2}, "effective rank of embeddings is 1.20"),
        ({"embedding_std": 0.001}, "collapses to a point"),
    ],
)
def test_each_problem_is_named(change, text):
    (problem,) = find_problems(dataclasses.replace(HEALTHY, **change), WatchConfig(), CHANCE)
    assert text in problem


def test_no_chance_level_no_such_problem():
    assert find_problems(dataclasses.replace(HEALTHY, loss=100.0), WatchConfig(), None) == []

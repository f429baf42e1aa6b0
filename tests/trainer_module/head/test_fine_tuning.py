"""Batches, targets and lengths of fine-tuning, and its progress records."""

import itertools
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_contrastive.trainer_module.config import FineTuneConfig, SelfTrainingConfig
from tfx_contrastive.trainer_module.head.fine_tuning import (
    draw_share,
    endless_batches,
    long_enough,
    smooth_targets,
)
from tfx_contrastive.trainer_module.head.student import HeadProgress


@settings(max_examples=30, deadline=None, derandomize=True)
@given(num_rows=st.integers(1, 12), size=st.integers(1, 9))
def test_batches_are_full_and_each_row_occurs_once_per_epoch(num_rows: int, size: int) -> None:
    batches = itertools.islice(endless_batches(num_rows, size, np.random.default_rng(0)), 3 * num_rows)
    rows = np.concatenate(list(batches))
    assert len(rows) == 3 * num_rows * size
    epochs = rows[: len(rows) // num_rows * num_rows].reshape(-1, num_rows)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(num_rows), (len(epochs), 1)))


def test_batches_depend_on_the_seed_alone() -> None:
    first, second, other = (endless_batches(20, 20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    rows = next(first)
    np.testing.assert_array_equal(rows, next(second))
    assert not np.array_equal(rows, next(other))


def test_smoothing_spreads_its_share_over_all_classes() -> None:
    np.testing.assert_allclose(
        smooth_targets(np.array([2, 0]), 4, 0.2),
        [[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05]],
        rtol=1e-6,
    )


@pytest.mark.parametrize(("num_images", "num_steps"), [(64, 300), (1920, 300), (1921, 301), (6400, 1000)])
def test_steps_reach_the_smallest_number_of_epochs(num_images: int, num_steps: int) -> None:
    assert long_enough(FineTuneConfig(), num_images, 64).num_steps == num_steps


def test_long_enough_keeps_the_kind_and_all_other_settings() -> None:
    config = SelfTrainingConfig(temperature=0.5)
    longer = long_enough(config, 10**6, 100)
    assert longer == config.model_copy(update={"num_steps": 40_000})
    assert isinstance(longer, SelfTrainingConfig)


def test_without_mixup_an_image_is_left_as_it_is() -> None:
    random = np.random.default_rng(0)
    assert draw_share(0.0, random) == 1.0
    assert all(0 <= draw_share(0.2, random) <= 1 for _ in range(20))


def test_progress_is_due_at_its_interval_and_at_the_end() -> None:
    progress = HeadProgress("fine-tuning", num_steps=7, log_every=3)
    assert [step for step in range(1, 8) if progress.due(step)] == [3, 6, 7]


def test_progress_tells_a_person_and_the_display(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    HeadProgress("fine-tuning", num_steps=7, log_every=3).report(3, 0.5, 96)
    (record,) = caplog.records
    assert record.getMessage().startswith("fine-tuning: step 3/7, loss 0.500, ")
    assert record.getMessage().endswith(" images/s")
    values = record.__dict__["progress"]
    assert values.pop("images_per_second") > 0
    assert values == {"stage": "head", "step": 3, "num_steps": 7, "loss": 0.5}

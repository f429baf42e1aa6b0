"""Batches depend on the seed and the step alone, and contain no image twice."""

import itertools
from typing import Any

import numpy as np
import pytest

from tfx_contrastive.trainer_module.pretrain.loop import BatchOrder, Call, plan_calls, prefetch_batches


def test_an_epoch_holds_an_image_once() -> None:
    order = BatchOrder(103, 10, seed=1)
    for epoch in range(3):
        rows = np.concatenate([order.indices(10 * epoch + step) for step in range(10)])
        assert len(set(rows)) == 100


def test_epochs_and_seeds_differ() -> None:
    order = BatchOrder(100, 50, seed=1)
    assert not np.array_equal(order.indices(0), order.indices(2))
    assert not np.array_equal(order.indices(0), BatchOrder(100, 50, seed=2).indices(0))
    np.testing.assert_array_equal(order.indices(7), BatchOrder(100, 50, seed=1).indices(7))


def test_fewer_images_than_a_batch() -> None:
    order = BatchOrder(5, 512, seed=0)
    assert order.batch_size == 5
    assert sorted(order.indices(3)) == [0, 1, 2, 3, 4]


def test_a_batch_of_few_images_has_equal_parts_all_the_same() -> None:
    assert BatchOrder(103, 512, seed=0, multiple=4).batch_size == 100
    with pytest.raises(ValueError, match="give a multiple, such as 8"):
        BatchOrder(103, 10, seed=0, multiple=4)
    with pytest.raises(ValueError, match="3 images for 4 equal parts"):
        BatchOrder(3, 8, seed=0, multiple=4)


def test_a_worker_gathers_its_own_part() -> None:
    images = np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1)
    order = BatchOrder(60, 8, seed=3)
    ((_, pixels, _),) = prefetch_batches(images, np.arange(60), order, [Call(4, 6)], slice(4, 8))
    np.testing.assert_array_equal(pixels[1, :, 0, 0, 0], order.indices(5)[4:])


def test_one_image_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least 2"):
        BatchOrder(1, 8, seed=0)


@pytest.mark.parametrize("start", [0, 7, 20])
def test_calls_cover_all_steps_and_stop_where_due(start: Any) -> None:
    calls = list(plan_calls(start, 53, 10, (25, 4)))
    steps = list(itertools.chain.from_iterable(range(*call) for call in calls))
    assert steps == list(range(start, 53))
    stops = {call.stop for call in calls}
    assert stops >= {step for step in range(start + 1, 54) if step % 25 == 0 or step % 4 == 0}
    assert max(call.stop - call.start for call in calls) <= 10


def test_prefetched_batches_are_those_of_the_order() -> None:
    images = np.arange(60, dtype=np.uint8).reshape(60, 1, 1, 1)
    labels = np.arange(60)
    order = BatchOrder(60, 8, seed=3)
    calls = [Call(4, 6), Call(6, 9)]
    for expected, (call, pixels, targets) in zip(
        calls, prefetch_batches(images, labels, order, calls), strict=True
    ):
        assert call == expected
        rows = np.stack([order.indices(step) for step in range(call.start, call.stop)])
        np.testing.assert_array_equal(targets, rows)
        np.testing.assert_array_equal(pixels[..., 0, 0, 0], rows)

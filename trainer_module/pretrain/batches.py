"""The order of the data: batch t depends on (seed, t) alone, so that a resumed run continues it."""

import concurrent.futures
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np


class Call(NamedTuple):
    """Steps `start` to `stop - 1`, trained in one call of the graph."""

    start: int
    stop: int


class BatchOrder:
    """Which images make up the batch of a step.

    Every epoch is a permutation of its own, cut into whole batches; the remainder of an epoch is left
    out, so that no batch holds an image twice (it would be its own negative).

    Attributes:
        batch_size: Images in a batch.
    """

    def __init__(self, num_images: int, batch_size: int, seed: int, multiple: int = 1):
        """Set the order.

        Args:
            num_images: Size of the data set.
            batch_size: Images in a batch; all of them when there are fewer.
            seed: Seed of the order, not negative.
            multiple: In how many equal parts a batch is cut; where images are few, those that are left
                over stay out.

        Raises:
            ValueError: If there are fewer than two images, or no equal parts.
        """
        if num_images < 2:
            raise ValueError(
                f"pretraining was given {num_images} image(s): it compares images, give at least 2"
            )
        if batch_size % multiple:
            raise ValueError(
                f"batch_size is {batch_size}, and batches are cut into {multiple} equal parts (micro_batches "
                f"of each device): give a multiple, such as {max(1, batch_size // multiple) * multiple}"
            )
        self.batch_size = min(batch_size, num_images - num_images % multiple)
        if self.batch_size < multiple:
            raise ValueError(
                f"there are {num_images} images for {multiple} equal parts of a batch (micro_batches of "
                "each device): take fewer parts"
            )
        self._num_images = num_images
        self._seed = seed

    def indices(self, step: int) -> np.ndarray:
        """Indices of the images of one step, int64 [batch_size]."""
        epoch, batch = divmod(step, self._num_images // self.batch_size)
        start = batch * self.batch_size
        return _permutation(self._num_images, self._seed, epoch)[start : start + self.batch_size]


@functools.lru_cache(maxsize=2)
def _permutation(num_images: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(num_images)


def plan_calls(start: int, stop: int, longest: int, every: Sequence[int]) -> Iterator[Call]:
    """Cut steps into calls that end wherever something is due.

    Args:
        start: First step.
        stop: Step after the last.
        longest: Most steps in a call.
        every: Intervals; a call never crosses a multiple of one.

    Yields:
        The calls in order; together they are all steps once.
    """
    while start < stop:
        due = min((start // interval + 1) * interval for interval in every)
        call = Call(start, min(start + longest, stop, due))
        yield call
        start = call.stop


def prefetch_batches(
    images: np.ndarray,
    labels: np.ndarray,
    order: BatchOrder,
    calls: Iterable[Call],
    part: slice = slice(None),
) -> Iterator[tuple[Call, np.ndarray, np.ndarray]]:
    """Gather the batches of each call while the call before it is training.

    Args:
        images: uint8 [N, H, W, C], in memory or memory-mapped.
        labels: int64 [N].
        order: Which images belong to which step.
        calls: The calls to come.
        part: Which images of each batch are wanted, B of them.

    Yields:
        A call, its images, uint8 [num_steps, B, H, W, C], and its labels, int64 [num_steps, B].
    """

    def gather(call: Call) -> tuple[Call, np.ndarray, np.ndarray]:
        steps = range(call.start, call.stop)
        rows = np.stack([order.indices(step)[part] for step in steps])  # [num_steps, B]
        return call, images[rows], labels[rows]

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting: concurrent.futures.Future | None = None
        for call in calls:
            ready, waiting = waiting, pool.submit(gather, call)
            if ready is not None:
                yield ready.result()
        if waiting is not None:
            yield waiting.result()

"""The order of the data: batch t depends only on seed and t, so that a resumed run continues it."""

import concurrent.futures
import functools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.contract.errors import ConfigError, DataError


class Call(NamedTuple):
    """Steps `start` to `stop - 1`, trained by one call of the graph."""

    start: int
    stop: int


class BatchOrder:
    """The images of the batch of each step.

    Each epoch is a new permutation, split into whole batches. The remainder of an epoch is left out, so that
    no batch contains an image twice, which would be its own negative.

    Attributes:
        batch_size: Number of images per batch.
    """

    def __init__(self, num_images: int, batch_size: int, seed: int, multiple: int = 1):
        """Check the sizes.

        Args:
            num_images: Number of images of the data set.
            batch_size: Number of images per batch; fewer if the data set is smaller.
            seed: Seed of the order, not negative.
            multiple: Number of equal parts into which a batch is split.

        Raises:
            DataError: If there are fewer than two images.
            ConfigError: If a batch can't be split into equal parts.
        """
        if num_images < 2:
            raise DataError(
                f"pretraining was given {num_images} image(s): it compares images and needs at least 2"
            )
        if batch_size % multiple:
            valid = max(1, batch_size // multiple) * multiple
            raise ConfigError(
                f"batch_size is {batch_size}, and batches are split into {multiple} equal parts "
                f"(micro_batches of each device): give a multiple, such as {valid}"
            )
        self.batch_size = min(batch_size, num_images - num_images % multiple)
        if self.batch_size < multiple:
            raise ConfigError(
                f"there are {num_images} images for {multiple} equal parts of a batch (micro_batches of "
                "each device): use fewer parts"
            )
        self._num_images = num_images
        self._seed = seed

    def indices(self, step: int) -> NDArray[Any]:
        """Return the indices of the images of one step, int64 [batch_size]."""
        epoch, batch = divmod(step, self._num_images // self.batch_size)
        start = batch * self.batch_size
        return _permutation(self._num_images, self._seed, epoch)[start : start + self.batch_size]


@functools.lru_cache(maxsize=2)
def _permutation(num_images: int, seed: int, epoch: int) -> NDArray[Any]:
    return np.random.default_rng([seed, epoch]).permutation(num_images)


def plan_calls(start: int, stop: int, longest: int, every: Sequence[int]) -> Iterator[Call]:
    """Split steps into calls that end at each multiple of the given intervals.

    Args:
        start: First step.
        stop: Step after the last.
        longest: Largest number of steps per call.
        every: Intervals; no call crosses a multiple of one.

    Yields:
        The calls in order; together they cover each step once.
    """
    while start < stop:
        due = min((start // interval + 1) * interval for interval in every)
        call = Call(start, min(start + longest, stop, due))
        yield call
        start = call.stop


def prefetch_batches(
    images: NDArray[Any],
    labels: NDArray[Any],
    order: BatchOrder,
    calls: Iterable[Call],
    part: slice = slice(None),
) -> Iterator[tuple[Call, NDArray[Any], NDArray[Any]]]:
    """Gather the batches of each call while the previous call trains.

    Args:
        images: uint8 [N, H, W, C], in memory or memory-mapped.
        labels: int64 [N].
        order: The images of each step.
        calls: The calls.
        part: The images of each batch that this process trains, B in number.

    Yields:
        A call, its images, uint8 [num_steps, B, H, W, C], and its labels, int64 [num_steps, B].
    """

    def gather(call: Call) -> tuple[Call, NDArray[Any], NDArray[Any]]:
        steps = range(call.start, call.stop)
        rows = np.stack([order.indices(step)[part] for step in steps])  # [num_steps, B]
        return call, images[rows], labels[rows]

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting: concurrent.futures.Future[tuple[Call, NDArray[Any], NDArray[Any]]] | None = None
        for call in calls:
            ready, waiting = waiting, pool.submit(gather, call)
            if ready is not None:
                yield ready.result()
        if waiting is not None:
            yield waiting.result()

"""The pretraining loop: draw batches, train, log, watch, save; resumes from the last checkpoint.

Batch t depends only on the seed and on t, so that a resumed run continues with the batches of the first one.
"""

import concurrent.futures
import contextlib
import functools
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfx_contrastive.contract import stopping
from tfx_contrastive.contract.errors import ConfigError, DataError, StoppedError
from tfx_contrastive.trainer_module.config import PretrainConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.encoders.build import build_encoder, check_image_size
from tfx_contrastive.trainer_module.encoders.keras_applications import load_pretrained
from tfx_contrastive.trainer_module.pretrain.devices import (
    build_strategy,
    compute_policy,
    is_chief,
    local_rows,
)
from tfx_contrastive.trainer_module.pretrain.learner import Learner
from tfx_contrastive.trainer_module.pretrain.reporting import ScalarLog, Watcher
from tfx_contrastive.trainer_module.pretrain.watch import BestEncoder
from tfx_contrastive.trainer_module.views.compose import small_view_size

_log = logging.getLogger(__name__)
_progress = logging.getLogger("tfx_contrastive.progress")


def pretrain(
    dataset: ImageDataset,
    config: PretrainConfig,
    checkpoint_dir: str,
    log_dir: str,
    strategy: tf.distribute.Strategy | None = None,
) -> keras.Model:
    """Train an encoder on all images of a data set.

    A run that was killed continues from its last checkpoint when called again with the same arguments:
    batches and views of a step depend only on the seed and the step. A run that is asked to stop
    (`stopping.request`) writes a checkpoint first.

    Args:
        dataset: Images. Only the kNN probe, and objectives that use labels, read the labels.
        config: Configuration of pretraining.
        checkpoint_dir: Directory for the checkpoints of this configuration and data set only.
        log_dir: Directory of TensorBoard's scalars.
        strategy: The result of `build_strategy`; None: it is built here. Several workers must all call this
            with the same arguments and directories; only the chief writes, and only its encoder is used.

    Returns:
        The best or the last encoder, see `config.watch.keep`: pixels in [0, 255], [B, H, W, C], to h,
        float32 [B, D].

    Raises:
        StoppedError: If the run was asked to stop.
        PretrainingCollapsedError: If the encoder learns nothing and `config.watch.on_collapse` is `error`, or
            the loss is not finite.
        ValueError: If there are fewer than two images, or views or encoder do not suit them.
    """
    strategy = strategy or build_strategy(config.distribution)
    parts = config.micro_batches * strategy.num_replicas_in_sync
    order = BatchOrder(len(dataset), config.batch_size, config.seed, parts)
    if order.batch_size < config.batch_size:
        _log.warning("batch_size is %d, but there are %d images: each batch has all of them",
                     config.batch_size, len(dataset))  # fmt: skip
    if config.views.small.count:
        check_image_size(config.encoder.name, small_view_size(config.views.small, dataset.image_shape))
    keras.utils.set_random_seed(config.seed)
    with strategy.scope(), compute_policy(config.mixed_precision):
        encoder = build_encoder(config.encoder, dataset.image_shape, dataset.mean, dataset.std)
        if config.encoder.weights and config.encoder.weights_sha256:
            load_pretrained(encoder, config.encoder.weights, config.encoder.weights_sha256)
        learner = Learner(encoder, config, dataset.image_shape)
    manager = tf.train.CheckpointManager(learner.checkpoint, checkpoint_dir, config.keep_checkpoints)
    if manager.latest_checkpoint:
        learner.checkpoint.restore(manager.latest_checkpoint).assert_consumed()
        _log.info("restored %s", manager.latest_checkpoint)
        _tell_kept("pretraining goes on at step %d of %d", int(learner.step.read_value()), config)
    best = BestEncoder(f"{checkpoint_dir}/best")
    start = int(learner.step.read_value())
    watcher = None
    if is_chief(strategy):
        scalars = ScalarLog(log_dir, f"{checkpoint_dir}/scalars", start)
        watcher = Watcher(dataset, config, order.batch_size, scalars, f"{checkpoint_dir}/losses.json")
        watcher.begin(start)
    watch = config.watch
    calls = plan_calls(
        start,
        config.num_steps,
        config.steps_per_call,
        (config.log_every, config.checkpoint_every, watch.probe_every),
    )
    rows = local_rows(strategy, order.batch_size)
    saved = time.monotonic()
    with contextlib.ExitStack() as stack:
        for call, images, labels in prefetch_batches(dataset.images, dataset.label_index, order, calls, rows):
            outcome = learner.train(images, labels)
            if watcher is None:
                continue
            if call.start == start:
                stack.enter_context(stopping.keeping())  # not earlier: the first call also traces the graph
            last = call.stop == config.num_steps
            watcher.add(outcome)
            if last or call.stop % config.log_every == 0:
                watcher.report(call.stop, outcome)
            if last or call.stop % watch.probe_every == 0:
                score = watcher.probe(call.stop, learner)
                if score is not None and watch.keep == "best":
                    best.offer(learner.kept, call.stop, score)
            stop, minutes = stopping.requested(), (time.monotonic() - saved) / 60
            due = call.stop % config.checkpoint_every == 0 or minutes >= config.checkpoint_minutes
            if last or stop or due:
                watcher.keep(call.stop)
                manager.save(call.stop)
                saved = time.monotonic()
                _tell_kept("pretraining has a checkpoint of step %d of %d", call.stop, config)
            if stop:
                raise StoppedError(f"pretraining was stopped after step {call.stop}")
    if watcher is None:
        return learner.kept
    watcher.scalars.close()
    if best.step is not None:
        best.restore(learner.kept)
        _log.info("keeping the encoder of step %d, the best by kNN probe", best.step)
    return learner.kept


def _tell_kept(text: str, step: int, config: PretrainConfig) -> None:
    """Report the step from which training would resume."""
    progress = {"stage": "pretrain", "kept_step": step, "num_steps": config.num_steps}
    _progress.info(text, step, config.num_steps, extra={"progress": progress})


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

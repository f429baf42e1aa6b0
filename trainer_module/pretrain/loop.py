"""The pretraining loop: train, log, watch, save; resumes from the last checkpoint."""

import contextlib
import logging
import time

import keras
import tensorflow as tf

from tfx_contrastive.contract import stopping
from tfx_contrastive.contract.errors import StoppedError
from tfx_contrastive.trainer_module.config import PretrainConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.encoders import build_encoder, check_image_size, load_pretrained
from tfx_contrastive.trainer_module.pretrain.batches import BatchOrder, plan_calls, prefetch_batches
from tfx_contrastive.trainer_module.pretrain.devices import (
    build_strategy,
    compute_policy,
    is_chief,
    local_rows,
)
from tfx_contrastive.trainer_module.pretrain.learner import Learner
from tfx_contrastive.trainer_module.pretrain.reporting import ScalarLog, Watcher
from tfx_contrastive.trainer_module.pretrain.watch import (
    BestEncoder,
)
from tfx_contrastive.trainer_module.views import small_view_size

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

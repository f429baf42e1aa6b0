"""The pretraining loop: train, log, watch, save; resumes from the last checkpoint."""

import contextlib
import json
import logging
import os
import time

import keras
import numpy as np
import tensorflow as tf

from tfx_contrastive.contract import stopping
from tfx_contrastive.contract.errors import PretrainingCollapsedError, StoppedError
from tfx_contrastive.trainer_module.config import PretrainConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.encoders import build_encoder, check_image_size, load_pretrained
from tfx_contrastive.trainer_module.pretrain.batches import BatchOrder, plan_calls, prefetch_batches
from tfx_contrastive.trainer_module.pretrain.best import BestEncoder
from tfx_contrastive.trainer_module.pretrain.distribution import build_strategy, is_chief, local_rows
from tfx_contrastive.trainer_module.pretrain.learner import Learner, Outcome
from tfx_contrastive.trainer_module.pretrain.precision import compute_policy
from tfx_contrastive.trainer_module.pretrain.scalars import ScalarLog
from tfx_contrastive.trainer_module.pretrain.watch import Figures, KnnProbe, find_problems, measure
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
    """Trains an encoder on all images of a data set.

    A run that was killed continues from its last checkpoint when called again with the same arguments:
    batches and views of a step depend on the seed and the step alone. One that is asked to stop
    (`stopping.request`) makes a checkpoint first.

    Args:
        dataset: Images. Labels are read by the kNN probe, and by objectives that use them.
        config: Encoder, views, objective and all else.
        checkpoint_dir: Directory of this data set's and configuration's checkpoints, of nothing else.
        log_dir: Where TensorBoard's scalars go.
        strategy: Of `build_strategy`; None: it is built here. With several workers all of them call this,
            with the same arguments and directories; the chief alone writes, and only its encoder counts.

    Returns:
        The encoder, the best or the last one as `config.watch.keep` says: pixels in [0, 255],
        [B, H, W, C], to h, float32 [B, D].

    Raises:
        StoppedError: If it was asked to stop.
        PretrainingCollapsedError: If nothing is learned and `config.watch.on_collapse` is `error`.
        ValueError: If there are fewer than two images, or the views or the
            encoder don't fit them.
    """
    strategy = strategy or build_strategy(config.distribution)
    parts = config.micro_batches * strategy.num_replicas_in_sync
    order = BatchOrder(len(dataset), config.batch_size, config.seed, parts)
    if order.batch_size < config.batch_size:
        _log.warning("batch_size is %d, but there are %d images: each batch is all of them",
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
        watcher = _Watcher(dataset, config, order.batch_size, scalars, f"{checkpoint_dir}/losses.json")
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
                stack.enter_context(stopping.keeping())  # not before: the first call also traces the graph
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
        _log.info("the encoder of step %d is kept: the best by kNN probe", best.step)
    return learner.kept


def _tell_kept(text: str, step: int, config: PretrainConfig) -> None:
    """Says at which step training would go on."""
    progress = {"stage": "pretrain", "kept_step": step, "num_steps": config.num_steps}
    _progress.info(text, step, config.num_steps, extra={"progress": progress})


class _Watcher:
    """Turns outcomes into log lines, TensorBoard scalars, warnings and, if configured, an error."""

    def __init__(
        self,
        dataset: ImageDataset,
        config: PretrainConfig,
        batch_size: int,
        scalars: ScalarLog,
        losses_path: str,
    ):
        self._config = config
        self._losses_path = losses_path
        self._batch_size = batch_size
        self.scalars = scalars
        self._probe = KnnProbe(dataset, config.watch, config.seed)
        chance = config.objective.spec.chance_loss
        self._chance_loss = chance(batch_size) if chance else None
        self._losses: list[np.ndarray] = []

    def begin(self, step: int) -> None:
        """Starts the clock at a step. The first call, which traces the graph, is not timed."""
        self._timed_from = step
        self._since: float | None = None
        if step and tf.io.gfile.exists(self._losses_path):
            with tf.io.gfile.GFile(self._losses_path) as file:
                kept = json.loads(file.read())
            if kept["step"] == step and kept["losses"]:
                self._losses.append(np.array(kept["losses"], np.float32))
        if not self._probe.possible:
            _log.info("no kNN probe: it needs labelled images of at least two classes")

    def add(self, outcome: Outcome) -> None:
        """Takes in a call."""
        self._losses.append(outcome.loss.numpy())
        if self._since is None:
            self._since = time.monotonic()
            self._timed_from += len(self._losses[-1])

    def keep(self, step: int) -> None:
        """Keeps what the next report needs; called just before this step's checkpoint is made."""
        self.scalars.keep(step)
        losses = np.concatenate(self._losses).tolist() if self._losses else []
        tf.io.gfile.makedirs(os.path.dirname(self._losses_path))
        with tf.io.gfile.GFile(self._losses_path, "w") as file:
            file.write(json.dumps({"step": step, "losses": losses}))

    def report(self, step: int, outcome: Outcome) -> None:
        """Logs the figures and looks for collapse.

        Raises:
            PretrainingCollapsedError: If there is one and the configuration says so, or if the loss is
                no number any more, whatever the configuration says.
        """
        losses = np.concatenate(self._losses)
        self._losses.clear()
        if not np.all(np.isfinite(losses)):
            raise PretrainingCollapsedError(
                f"pretraining step {step}: the loss is {losses[~np.isfinite(losses)][0]}: lower "
                "optimizer.learning_rate, or set optimizer.clip_norm"
            )
        figures = measure(losses, outcome)
        scalars = vars(figures) | self._speed(step)
        with self.scalars.writer.as_default():
            for name, value in scalars.items():
                tf.summary.scalar(f"pretrain/{name}", value, step)
        self._tell(
            step,
            "loss {loss:.3f}, contrastive accuracy {contrastive_accuracy:.3f}, "
            "effective rank {effective_rank:.1f}".format_map(scalars),
            scalars,
        )
        if step >= self._config.watch.after_steps:
            self._judge(step, figures)

    def _judge(self, step: int, figures: Figures) -> None:
        problems = find_problems(figures, self._config.watch, self._chance_loss)
        if not problems:
            return
        text = f"pretraining step {step}: " + "; ".join(problems)
        with self.scalars.writer.as_default():
            tf.summary.text("pretrain/problems", text, step)
        if self._config.watch.on_collapse == "error":
            self.scalars.writer.flush()
            raise PretrainingCollapsedError(text)
        _log.warning(text)

    def probe(self, step: int, learner: Learner) -> float | None:
        """Logs the kNN probe and returns its accuracy; None where there are no labels."""
        if not self._probe.possible:
            return None
        began = time.monotonic()
        accuracy = self._probe.accuracy(learner)
        with self.scalars.writer.as_default():
            tf.summary.scalar("pretrain/knn_probe", accuracy, step)
        self._tell(step, f"kNN probe {accuracy:.3f}", {"knn_probe": accuracy})
        if self._since is not None:
            self._since += time.monotonic() - began  # the probe is no training time
        return accuracy

    def _speed(self, step: int) -> dict[str, float]:
        """Images per second since the last report; nothing in the first call, which traced the graph."""
        now, since, steps = time.monotonic(), self._since, step - self._timed_from
        self._since, self._timed_from = now, step
        if since is None or steps == 0:
            return {}
        return {"images_per_second": steps * self._batch_size / (now - since)}

    def _tell(self, step: int, text: str, figures: dict[str, float]) -> None:
        """One line of progress, for a person and for the live display."""
        num_steps = self._config.num_steps
        progress = {"stage": "pretrain", "step": step, "num_steps": num_steps, **figures}
        if "images_per_second" in figures:
            rate = figures["images_per_second"]
            progress["seconds_left"] = (num_steps - step) * self._batch_size / rate
            text += f", {rate:.0f} images/s, {progress['seconds_left']:.0f} s left"
        _progress.info("pretraining step %d of %d: %s", step, num_steps, text, extra={"progress": progress})

"""Report of pretraining: progress records, TensorBoard scalars and warnings."""

import json
import logging
import time
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import PretrainingCollapsedError
from tfx_contrastive.trainer_module.config import PretrainConfig
from tfx_contrastive.trainer_module.dataset import ImageDataset
from tfx_contrastive.trainer_module.pretrain.learner import Learner, Outcome
from tfx_contrastive.trainer_module.pretrain.watch import Figures, KnnProbe, find_problems, measure

_log = logging.getLogger(__name__)
_progress = logging.getLogger("tfx_contrastive.progress")

# Sorts before the event files of this attempt, whose names have the time. TensorBoard reads in that order.
_RESTORED = "events.out.tfevents.0000000000.to-step-"


class ScalarLog:
    """TensorBoard's scalars of a run that may be stopped and resumed in another directory.

    Each attempt writes to its own directory and copies its event files with each checkpoint. The next attempt
    takes over the copies up to the checkpoint it resumes from, so that no step appears twice.
    """

    def __init__(self, log_dir: str, kept_dir: str, step: int):
        """Take over earlier event files and start to write.

        Args:
            log_dir: Directory of this attempt's event files.
            kept_dir: Directory of the copies, the same for all attempts. TensorBoard ignores them, because
                their names are not those of event files.
            step: Step of the checkpoint that the run resumes from; 0 for a new run.
        """
        self._log_dir = log_dir
        self._kept_dir = kept_dir
        for name in files.find(kept_dir):
            kept = files.join(kept_dir, name)
            if int(name) > step:
                files.remove(kept)  # its steps will be repeated
            else:
                files.copy(kept, files.join(log_dir, _RESTORED + name))
        self._begin(step)

    def _begin(self, step: int) -> None:
        suffix = f".from-step-{step:08d}"
        self._pattern = files.join(self._log_dir, f"*{suffix}")
        self._others = set(files.glob(self._pattern))
        self.writer = tf.summary.create_file_writer(self._log_dir, filename_suffix=suffix)

    def keep(self, step: int) -> None:
        """Copy the events since the last call; call this just before saving this step's checkpoint."""
        self.writer.close()
        (written,) = set(files.glob(self._pattern)) - self._others
        files.copy(written, files.join(self._kept_dir, f"{step:08d}"))
        self._begin(step)

    def close(self) -> None:
        """Write all pending events."""
        self.writer.close()


class Watcher:
    """Reports outcomes as log lines, TensorBoard scalars, warnings and, if configured, an error."""

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
        self._losses: list[NDArray[Any]] = []

    def begin(self, step: int) -> None:
        """Start at a step and take over the losses that no report includes yet.

        The first call, which traces the graph, is not timed.
        """
        self._timed_from = step
        self._since: float | None = None
        if step and files.is_file(self._losses_path):
            kept = json.loads(files.read_text(self._losses_path))
            if kept["step"] == step and kept["losses"]:
                self._losses.append(np.array(kept["losses"], np.float32))
        if not self._probe.possible:
            _log.info("no kNN probe: it needs labeled images of at least two classes")

    def add(self, outcome: Outcome) -> None:
        """Add the outcome of a call."""
        self._losses.append(outcome.loss.numpy())
        if self._since is None:
            self._since = time.monotonic()
            self._timed_from += len(self._losses[-1])

    def keep(self, step: int) -> None:
        """Save the state of the next report; call this just before saving this step's checkpoint."""
        self.scalars.keep(step)
        losses = np.concatenate(self._losses).tolist() if self._losses else []
        files.write_text(self._losses_path, json.dumps({"step": step, "losses": losses}))

    def report(self, step: int, outcome: Outcome) -> None:
        """Log the metrics and check for collapse.

        Raises:
            PretrainingCollapsedError: If the loss is not finite, or on collapse if the configuration says so.
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
        """Log the kNN probe and return its accuracy; None without labels."""
        if not self._probe.possible:
            return None
        began = time.monotonic()
        accuracy = self._probe.accuracy(learner)
        with self.scalars.writer.as_default():
            tf.summary.scalar("pretrain/knn_probe", accuracy, step)
        self._tell(step, f"kNN probe {accuracy:.3f}", {"knn_probe": accuracy})
        if self._since is not None:
            self._since += time.monotonic() - began  # the probe is not training time
        return accuracy

    def _speed(self, step: int) -> dict[str, float]:
        """Return the images per second since the last report; empty after the first call."""
        now, since, steps = time.monotonic(), self._since, step - self._timed_from
        self._since, self._timed_from = now, step
        if since is None or steps == 0:
            return {}
        return {"images_per_second": steps * self._batch_size / (now - since)}

    def _tell(self, step: int, text: str, figures: dict[str, float]) -> None:
        """Log one line of progress, with values for the live display."""
        num_steps = self._config.num_steps
        progress = {"stage": "pretrain", "step": step, "num_steps": num_steps, **figures}
        if "images_per_second" in figures:
            rate = figures["images_per_second"]
            progress["seconds_left"] = (num_steps - step) * self._batch_size / rate
            text += f", {rate:.0f} images/s, {progress['seconds_left']:.0f} s left"
        _progress.info("pretraining step %d of %d: %s", step, num_steps, text, extra={"progress": progress})

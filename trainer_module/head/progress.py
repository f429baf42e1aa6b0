"""What the runner's live display is told while the head is trained."""

import logging
import time

_log = logging.getLogger("tfx_contrastive.progress")


class HeadProgress:
    """Reports steps of one stretch of training."""

    def __init__(self, what: str, num_steps: int, log_every: int):
        """Starts the clock.

        Args:
            what: What is going on, for people.
            num_steps: Steps of the stretch.
            log_every: Steps between two reports.
        """
        self._what = what
        self._num_steps = num_steps
        self._log_every = log_every
        self._start = time.monotonic()

    def due(self, step: int) -> bool:
        """Whether step `step`, from 1, is to be reported: a loss need be fetched only then."""
        return step % self._log_every == 0 or step == self._num_steps

    def report(self, step: int, loss: float, num_images: int, eval_accuracy: float | None = None) -> None:
        """Logs one line.

        Args:
            step: Steps done.
            loss: Loss of the last step.
            num_images: Images seen since the start.
            eval_accuracy: Accuracy on `eval`, where it was measured.
        """
        rate = num_images / max(time.monotonic() - self._start, 1e-9)
        values: dict[str, str | int | float] = {
            "stage": "head",
            "step": step,
            "num_steps": self._num_steps,
            "loss": loss,
            "images_per_second": rate,
        }
        text = f"{self._what}: step {step}/{self._num_steps}, loss {loss:.3f}, {rate:.0f} images/s"
        if eval_accuracy is not None:
            values["eval_accuracy"] = eval_accuracy
            text += f", eval accuracy {eval_accuracy:.4f}"
        _log.info(text, extra={"progress": values})

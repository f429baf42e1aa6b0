"""TensorBoard's scalars of a training that may be killed and go on in another directory."""

import os

import tensorflow as tf

# Sorts before the files of this attempt, which carry the time; TensorBoard reads in order of names.
_RESTORED = "events.out.tfevents.0000000000.to-step-"


class ScalarLog:
    """Writes scalars; keeps a copy with each checkpoint, so that the curve goes on where training does.

    An attempt writes to a directory of its own. What it wrote after its last checkpoint is written again
    by the next one, so only the part up to the checkpoint is taken over: no step stands there twice.
    """

    def __init__(self, log_dir: str, kept_dir: str, step: int):
        """Takes over what was kept, and begins to write.

        Args:
            log_dir: Where this attempt's event files go.
            kept_dir: The same for all attempts; its files are not named like event files, so that
                TensorBoard shows each point once.
            step: Of the checkpoint that training goes on at; 0 for a new one.
        """
        self._log_dir = log_dir
        self._kept_dir = kept_dir
        tf.io.gfile.makedirs(log_dir)
        tf.io.gfile.makedirs(kept_dir)
        for name in tf.io.gfile.listdir(kept_dir):
            kept = os.path.join(kept_dir, name)
            if int(name.rstrip("/")) > step:
                tf.io.gfile.remove(kept)  # of steps that will be done again
            else:
                tf.io.gfile.copy(kept, os.path.join(log_dir, _RESTORED + name), overwrite=True)
        self._begin(step)

    def _begin(self, step: int) -> None:
        suffix = f".from-step-{step:08d}"
        self._pattern = os.path.join(self._log_dir, f"*{suffix}")
        self._others = set(tf.io.gfile.glob(self._pattern))
        self.writer = tf.summary.create_file_writer(self._log_dir, filename_suffix=suffix)

    def keep(self, step: int) -> None:
        """Keeps what was written since the last call; called just before this step's checkpoint is made."""
        self.writer.close()
        (written,) = set(tf.io.gfile.glob(self._pattern)) - self._others
        tf.io.gfile.copy(written, os.path.join(self._kept_dir, f"{step:08d}"), overwrite=True)
        self._begin(step)

    def close(self) -> None:
        """Writes what is not written yet."""
        self.writer.close()

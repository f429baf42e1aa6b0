"""Scalars and texts that a training stage logged for TensorBoard."""

import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfx_contrastive.contract import files


@dataclasses.dataclass(frozen=True)
class Series:
    """One scalar over the steps of a training.

    Attributes:
        tag: Its name in TensorBoard.
        steps: Ascending and unique.
        values: One value per step; NaN where training diverged.
    """

    tag: str
    steps: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def last(self) -> float:
        """The value at the last step."""
        return self.values[-1]


@dataclasses.dataclass(frozen=True)
class TrainingLog:
    """The content of a log directory.

    Attributes:
        series: Scalars, in the order of their tags.
        texts: (step, tag, text) of each logged text, in the order of the steps.
    """

    series: tuple[Series, ...]
    texts: tuple[tuple[int, str, str], ...]

    def find(self, tag: str) -> Series | None:
        """Return the series of a tag, None if there is none."""
        return next((series for series in self.series if series.tag == tag), None)


def read_training_log(directory: str) -> TrainingLog:
    """Read every event file under a directory; the last value that was logged for a step counts.

    A resumed training logs some steps again, in a second file.

    Args:
        directory: Directory of a ModelRun artifact, local or remote.
    """
    points: dict[str, dict[int, float]] = {}
    texts: dict[tuple[int, str], str] = {}
    for path in event_files(directory):
        for event in _events(path):
            for value in event.summary.value:
                number = _number(value)
                if number is not None:
                    points.setdefault(value.tag, {})[event.step] = number
                elif value.metadata.plugin_data.plugin_name == "text":
                    texts[event.step, value.tag] = _text(value)
    series = [_series(tag, points[tag]) for tag in sorted(points)]
    ordered = tuple((step, tag, texts[step, tag]) for step, tag in sorted(texts))
    return TrainingLog(tuple(series), ordered)


def event_files(directory: str) -> list[str]:
    """Return the paths of the event files under a directory, oldest first by name."""
    return [files.join(directory, name) for name in files.find(directory) if "tfevents" in name]


def _events(path: str) -> Iterator[tf.compat.v1.Event]:
    records = tf.data.TFRecordDataset(path).as_numpy_iterator()
    while True:
        try:
            record = next(records, None)
        except tf.errors.DataLossError:  # the writer was killed in the middle of a record
            return
        if record is None:
            return
        yield tf.compat.v1.Event.FromString(record)


def _number(value: tf.compat.v1.Summary.Value) -> float | None:
    if value.WhichOneof("value") == "simple_value":
        return float(value.simple_value)
    if value.metadata.plugin_data.plugin_name == "scalars" or (
        value.WhichOneof("value") == "tensor" and not value.tensor.tensor_shape.dim and not _is_text(value)
    ):
        return float(np.asarray(tf.make_ndarray(value.tensor)).reshape(-1)[0])
    return None


def _is_text(value: tf.compat.v1.Summary.Value) -> bool:
    return bool(value.tensor.dtype == tf.string.as_datatype_enum)


def _text(value: tf.compat.v1.Summary.Value) -> str:
    content: bytes = tf.make_ndarray(value.tensor).reshape(-1)[0]
    return content.decode("utf-8", "replace")


def _series(tag: str, points: dict[int, float]) -> Series:
    steps = sorted(points)
    return Series(tag, tuple(steps), tuple(points[step] for step in steps))

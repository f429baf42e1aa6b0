import math
import pathlib
from typing import Any

import tensorflow as tf

from tfx_contrastive.pipeline.runs.training_log import read_training_log


def write(directory: Any, *scalars: Any, text: Any = ()) -> None:
    writer = tf.summary.create_file_writer(str(directory))
    with writer.as_default():
        for tag, step, value in scalars:
            tf.summary.scalar(tag, value, step)
        for tag, step, value in text:
            tf.summary.text(tag, value, step)
    writer.close()


def test_series_and_texts_are_read_by_step(tmp_path: pathlib.Path) -> None:
    write(
        tmp_path / "train", ("loss", 20, 2.0), ("loss", 10, 3.0), ("rank", 10, 7.5), text=[("notes", 10, "ä")]
    )
    logged = read_training_log(str(tmp_path))
    assert [(s.tag, s.steps, s.values) for s in logged.series] == [
        ("loss", (10, 20), (3.0, 2.0)),
        ("rank", (10,), (7.5,)),
    ]
    assert logged.texts == ((10, "notes", "ä"),)
    loss = logged.find("loss")
    assert loss is not None
    assert loss.last == 2.0
    assert logged.find("nothing") is None


def test_a_resumed_training_counts_by_its_last_word(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "1", ("loss", 10, 3.0), ("loss", 20, 2.0))
    write(tmp_path / "2", ("loss", 20, 2.5), ("loss", 30, 1.0))
    (loss,) = read_training_log(str(tmp_path)).series
    assert (loss.steps, loss.values) == ((10, 20, 30), (3.0, 2.5, 1.0))


def test_what_a_killed_writer_left_is_read_up_to_the_cut(tmp_path: pathlib.Path) -> None:
    write(tmp_path, ("loss", 10, 3.0), ("loss", 20, float("nan")), ("loss", 30, 1.0))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    (loss,) = read_training_log(str(tmp_path)).series
    assert loss.steps == (10, 20)
    assert math.isnan(loss.values[1])


def test_a_directory_without_events_is_empty(tmp_path: pathlib.Path) -> None:
    assert read_training_log(str(tmp_path)).series == ()

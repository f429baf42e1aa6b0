"""What libraries say while they load reaches no user; what matters does."""

import pathlib
import subprocess
import sys
from typing import Any

import pytest
import tensorflow as tf

from tests.components.image_example_gen.support import encoded, picture, write
from tests.components.registry.conftest import empty_database  # noqa: F401 - a fixture
from tests.components.tiny_models import png
from tests.pipeline.command import tfx_contrastive
from tests.pipeline.consumers import make_consumed
from tfx_contrastive.pipeline.cli.terminal import without_chatter

CHATTER = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795532826.082866    9422 port.cc:153] oneDNN custom operations are on.",
    "2026-11-24 14:12:17.973900: I tensorflow/core/platform/cpu_feature_guard.cc:210] This binary is",
    "To enable the following instructions: AVX2, in other operations, rebuild TensorFlow.",
    "Corrupt JPEG data: 3 extraneous bytes before marker 0xd9",
)
OTHERS = (
    "2026-11-24 14:12:17.973900: E tensorflow/core/framework/op.cc:1] an error",
    "F0000 00:00:1795533994.111917   16349 env.cc:410] Check failed",
    "weights.h5 can't be read",
)


def said_inside(ending: str = "") -> subprocess.CompletedProcess[str]:
    """What a process lets through that says all of this to its error stream, below Python."""
    text = "".join(f"{line}\n" for line in CHATTER + OTHERS)
    script = (
        "import os; from tfx_contrastive.pipeline.cli.terminal import without_chatter\n"
        f"with without_chatter():\n    os.write(2, {text!r}.encode()); {ending}"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


def test_errors_and_what_others_say_come_through() -> None:
    assert said_inside().stderr.splitlines() == list(OTHERS)


def test_they_do_where_it_ends_with_an_exception() -> None:
    done = said_inside("raise KeyError('lost')")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[: len(OTHERS)] == list(OTHERS)
    assert lines[-1] == "KeyError: 'lost'"


def test_the_stream_is_back_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="mistake"), without_chatter():
        raise ValueError("mistake")
    subprocess.run(["sh", "-c", "echo seen >&2"], check=True)
    assert capfd.readouterr().err == "seen\n"


@pytest.fixture(scope="module")
def consumed(tmp_path_factory: pytest.TempPathFactory, empty_database: Any) -> Any:  # noqa: F811
    """Two versions in a registry, the second is champion."""
    made = make_consumed(tmp_path_factory.mktemp("consumed"), empty_database)
    made.record_run("r1", 0, blessed=True)
    made.record_run("r2", 1, blessed=True)
    return made


def quietly(*arguments: Any, **options: Any) -> Any:
    """Standard output of a command that must leave the error stream to itself."""
    done = tfx_contrastive(*arguments, **options)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_the_registry_and_search_say_nothing_of_tensorflow(consumed: Any, tmp_path: pathlib.Path) -> None:
    base = consumed.options
    assert "The champion is version 1, it was 2." in quietly("models", "promote", "1", *base)
    assert "The champion is version 2, it was 1." in quietly("models", "rollback", *base)
    (tmp_path / "query.png").write_bytes(png(consumed.made[0].images[8]))
    assert "contact sheet: neighbors.png" in quietly("search", "query.png", *base, cwd=tmp_path)


@pytest.mark.slow
def test_looking_at_jpegs_and_records_says_nothing_of_tensorflow(tmp_path: pathlib.Path) -> None:
    for number in range(8):
        data = encoded(picture(number), "JPEG")
        write(tmp_path / "images" / "ab"[number % 2] / f"{number}.jpg", data)
    source = f"data={{source: {{kind: image_folder, path: {tmp_path}/images}}}}"
    base = (
        "--config",
        "digits",
        "--set",
        source,
        "--set",
        "image={channels: 3}",
        "--set",
        "schema_path=null",
    )
    assert "views.png: 8 images" in quietly("views", *base, cwd=tmp_path)
    with tf.io.TFRecordWriter(str(tmp_path / "all.tfrecord")) as writer:
        for number in range(20):
            values = {"image": encoded(picture(number), "JPEG"), "label": b"ab"[number % 2 :][:1]}
            features = {
                key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
                for key, value in values.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    source = f"data={{source: {{kind: tfrecord, path: {tmp_path}/all.tfrecord}}}}"
    assert "can be used" in quietly("validate", *base, "--set", source, cwd=tmp_path)

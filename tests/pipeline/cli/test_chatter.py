import subprocess
import sys

import pytest

from pipeline.cli.chatter import without_chatter

CHATTER = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1795532826.082866    9422 port.cc:153] oneDNN custom operations are on.",
    "2026-11-24 14:12:17.973900: I tensorflow/core/platform/cpu_feature_guard.cc:210] This binary is",
    "To enable the following instructions: AVX2, in other operations, rebuild TensorFlow.",
)
OTHERS = (
    "2026-11-24 14:12:17.973900: E tensorflow/core/framework/op.cc:1] an error",
    "F0000 00:00:1795533994.111917   16349 env.cc:410] Check failed",
    "weights.h5 can't be read",
)


def said_inside(ending=""):
    """What a process lets through that says all of this to its error stream, below Python."""
    text = "".join(f"{line}\n" for line in CHATTER + OTHERS)
    script = (
        "import os; from pipeline.cli.chatter import without_chatter\n"
        f"with without_chatter():\n    os.write(2, {text!r}.encode()); {ending}"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)


def test_errors_and_what_others_say_come_through():
    assert said_inside().stderr.splitlines() == list(OTHERS)


def test_they_do_where_it_ends_with_an_exception():
    done = said_inside("raise KeyError('lost')")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[: len(OTHERS)] == list(OTHERS)
    assert lines[-1] == "KeyError: 'lost'"


def test_the_stream_is_back_afterwards(capfd):
    with pytest.raises(ValueError, match="mistake"), without_chatter():
        raise ValueError("mistake")
    subprocess.run(["sh", "-c", "echo seen >&2"], check=True)
    assert capfd.readouterr().err == "seen\n"

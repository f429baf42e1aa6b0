"""A process that is asked to stop: it ends at once, or when what it did is kept."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import contextlib, sys, time
from tfx_contrastive.contract import stopping
stopping.end_on_signals()
with stopping.keeping() if sys.argv[1] == "keeps" else contextlib.nullcontext():
    print("ready", flush=True)
    for _ in range(6000):
        time.sleep(0.01)
        if stopping.requested():
            print("kept", flush=True)
            break
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("work", "told", "status"), [("keeps", "kept\n", 0), ("nothing to keep", "", None)])
def test_a_process_ends_when_its_work_is_kept(number: int, work: str, told: str, status: int | None) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, work], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.communicate(timeout=30)[0] == told
    assert process.returncode == (128 + number if status is None else status)

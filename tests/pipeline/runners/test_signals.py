"""What a run does when it is asked to stop: a real process under the relay, real signals."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

# The watching process: prints what happened. Its child says "ready", and on SIGTERM does as `child` says.
WATCHER = """
import os, subprocess, sys
from tfx_contrastive.pipeline.runners import signals
signals.SECONDS_TO_STOP = float(sys.argv[2])
with signals.Relay(lambda: print("asked", flush=True)) as relay:
    child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], start_new_session=True)
    relay.attach(child)
    _, status, _ = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
print("child", child.returncode, relay.received.name, flush=True)
"""
OBEYS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("kept", flush=True), os._exit(143)))
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.write(1, b"ready %d\\n" % os.getpid())  # print would not bear to be interrupted by a handler that prints
time.sleep(60)
"""
REFUSES = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen(["sleep", "60"])
print("ready", grandchild.pid, flush=True)
time.sleep(60)
"""


def as_in_a_terminal() -> None:
    """The tests themselves may run under nohup or in the background, where these are ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def start() -> Iterator[Any]:
    started = []

    def start(child: Any, seconds_to_stop: float, preexec_fn: Any = as_in_a_terminal) -> Any:
        watcher = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WATCHER), child, str(seconds_to_stop)],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=preexec_fn,
        )
        started.append(watcher)
        assert watcher.stdout is not None
        word, number = watcher.stdout.readline().split()
        assert word == "ready"
        return watcher, int(number)

    yield start
    for watcher in started:
        watcher.kill()
        watcher.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_handed_on_and_the_child_keeps_its_work(start: Any, number: signal.Signals) -> None:
    watcher, _ = start(OBEYS, 30)
    watcher.send_signal(number)
    assert watcher.stdout.read().split("\n") == ["asked", "kept", f"child 143 {number.name}", ""]


def test_a_second_signal_ends_the_whole_group_at_once(start: Any) -> None:
    watcher, grandchild = start(REFUSES, 30)
    started = time.monotonic()
    watcher.send_signal(signal.SIGINT)
    assert watcher.stdout.readline() == "asked\n"
    watcher.send_signal(signal.SIGINT)
    assert watcher.stdout.read() == "child -9 SIGINT\n"
    assert time.monotonic() - started < 20
    assert is_gone(grandchild)


def test_a_child_that_does_not_stop_is_ended_in_time(start: Any) -> None:
    watcher, grandchild = start(REFUSES, 0.5)
    watcher.send_signal(signal.SIGTERM)
    assert watcher.stdout.read() == "asked\nchild -9 SIGTERM\n"
    assert is_gone(grandchild)


def test_nohup_stays_nohup(start: Any) -> None:
    watcher, _ = start(OBEYS, 30, lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    watcher.send_signal(signal.SIGHUP)
    watcher.send_signal(signal.SIGTERM)
    assert watcher.stdout.read() == "asked\nkept\nchild 143 SIGTERM\n"


def test_ctrl_z_halts_the_child_too(start: Any) -> None:
    watcher, child = start(OBEYS, 30)
    watcher.send_signal(signal.SIGTSTP)
    wait_until(lambda: state(watcher.pid) == state(child) == "T")
    watcher.send_signal(signal.SIGCONT)
    wait_until(lambda: state(child) == "S")
    watcher.send_signal(signal.SIGTERM)
    assert watcher.stdout.read() == "asked\nkept\nchild 143 SIGTERM\n"


def state(pid: int) -> Any:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def is_gone(pid: int) -> Any:
    wait_until(lambda: not os.path.exists(f"/proc/{pid}") or state(pid) == "Z")
    return True


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)

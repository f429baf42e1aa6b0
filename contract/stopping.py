"""A request to stop, for a long stage that can save its work and continue later."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

# Exit code of a process that has saved its work and ended: the one that a shell reports after SIGTERM.
EXIT_CODE = 128 + signal.SIGTERM

_requested = threading.Event()
_keeping = threading.Event()


def request() -> bool:
    """Ask the running stage to stop; can be called in a signal handler.

    Returns:
        True if a stage is running that will save its work and raise `StoppedError`. If False, there is no
        reason to wait.
    """
    _requested.set()
    return _keeping.is_set()


def end_on_signals() -> None:
    """End this process on SIGTERM and SIGINT: at once, or when the running stage has saved its work.

    The sender of the signal decides how long to wait. After a `StoppedError` the entry point ends the process
    with `EXIT_CODE`.
    """

    def stop(number: int, _frame: object) -> None:
        if not request():
            os._exit(128 + number)  # without clean-up: half-finished work stays as it is

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def requested() -> bool:
    """Return whether a stop was requested."""
    return _requested.is_set()


@contextlib.contextmanager
def keeping() -> Iterator[None]:
    """Declare that the code inside has work to save, and checks `requested` at each step."""
    _keeping.set()
    try:
        yield
    finally:
        _keeping.clear()

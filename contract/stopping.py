"""A wish to stop, for a long stage that can keep what it has done and go on from there."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

# Of a process that has kept its work and ended: as a shell gives it after SIGTERM.
EXIT_CODE = 128 + signal.SIGTERM

_requested = threading.Event()
_keeping = threading.Event()


def request() -> bool:
    """Asks the stage that is at work to stop; callable from a signal handler.

    Returns:
        Whether there is one that will keep its work and raise `StoppedError`. If not, nothing would be
        won by waiting.
    """
    _requested.set()
    return _keeping.is_set()


def end_on_signals() -> None:
    """Ends this process on SIGTERM and SIGINT: at once, or when the stage at work has kept what it did.

    How long that may take is for the sender to decide. The entry of the process ends it after a
    `StoppedError`, with `EXIT_CODE`.
    """

    def stop(number: int, _frame: object) -> None:
        if not request():
            os._exit(128 + number)  # no clean-up: what is half done stays as it is

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def requested() -> bool:
    """Whether a stop was asked for."""
    return _requested.is_set()


@contextlib.contextmanager
def keeping() -> Iterator[None]:
    """Says that the code within has work to keep, and looks at `requested` at each step."""
    _keeping.set()
    try:
        yield
    finally:
        _keeping.clear()

"""File locks between the processes of one machine.

The kernel releases a lock when the process that holds it ends, for whatever reason. A lock file is never
removed: two processes could then hold locks on two files of the same name.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from typing import IO, Any


@contextlib.contextmanager
def exclusive(path: str | os.PathLike[str]) -> Iterator[None]:
    """Wait for a file's lock and hold it while the context is open. Not reentrant.

    Args:
        path: The lock file; created with its directory if absent.

    Raises:
        OSError: If the file can't be written or its file system has no locks.
    """
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def acquire(file: IO[Any]) -> bool:
    """Take the lock of an open file without waiting; it is held until the file is closed.

    Child processes that inherit the file descriptor hold the lock too.

    Returns:
        False if another process holds the lock.

    Raises:
        OSError: If the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: str | os.PathLike[str]) -> bool:
    """Return whether another process holds the lock; False if the file can't be read."""
    try:
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False

"""One writer at a time on one machine."""

import contextlib
import fcntl
import os
from collections.abc import Iterator


@contextlib.contextmanager
def exclusive_file(path: str) -> Iterator[None]:
    """Holds a file's lock. The kernel lets go of it when the process ends, however it ends.

    Args:
        path: The lock file; made with its directory if absent, never removed (removing it would let
            two processes hold two files of one name).

    Yields:
        Nothing; the lock is held.
    """
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

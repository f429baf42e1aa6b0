"""One writer at a time on one machine."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from tfx_contrastive.contract.errors import RegistryError


@contextlib.contextmanager
def exclusive_file(path: str) -> Iterator[None]:
    """Holds a file's lock. The kernel lets go of it when the process ends, however it ends.

    Args:
        path: The lock file; made with its directory if absent, never removed (removing it would let
            two processes hold two files of one name).

    Yields:
        Nothing; the lock is held.

    Raises:
        RegistryError: If this user may not write it.
    """
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise RegistryError(
            f"The registry can't be changed by this user (uid {os.getuid()}): {path}: {error.strerror}. Let "
            "somebody do it who may write there."
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

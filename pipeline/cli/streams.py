"""The standard streams, whatever they are bound to: closed, full, or of an encoding that lacks characters."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import IO

import click

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def make_usable() -> None:
    r"""Binds closed standard streams to nowhere, and lets text of any language through the others.

    A closed one would leave its number to the next file that is opened, such as a database, and libraries
    print to it. A character that an encoding lacks is written as Python and JSON do: `\u2192`.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number, and so this one: those below it are taken.
            os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def lost_output(error: Exception) -> str | None:
    """What is wrong with the place that output goes to, as a sentence; None if it is something else.

    Empty where its reader, such as `head`, has enough. What could not be written is given up.
    """
    if isinstance(error, BrokenPipeError):
        _give_up(sys.stdout)
        return ""
    if not isinstance(error, OSError) or error.errno not in _FULL or error.filename is not None:
        return None
    _give_up(sys.stdout)
    return f"what this command prints or writes can't be kept: {error.strerror}. Make room there."


@contextlib.contextmanager
def telling() -> Iterator[None]:
    """Inside, the error stream is written to, if that can be: the exit status tells what happened anyway."""
    try:
        yield
    except OSError:
        _give_up(sys.stderr)


def tell(text: str) -> None:
    """Prints a line to the error stream."""
    with telling():
        click.echo(text, err=True)


def _give_up(stream: IO[str]) -> None:
    """Lets what is still to be written vanish; else it would fail once more when the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)

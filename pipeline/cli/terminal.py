"""Standard streams, messages of libraries, and exit statuses."""

import contextlib
import errno
import io
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import IO

import click

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def make_usable() -> None:
    r"""Open closed standard streams on the null device, and let the others print text of any language.

    A closed stream would leave its number to the next file that is opened, such as a database, and libraries
    would print to that file. A character that the encoding lacks is escaped as in Python and JSON: `\u2192`.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            # This takes the lowest free number, which is `number`: the lower ones are open.
            os.open(os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def lost_output(error: Exception) -> str | None:
    """Return a sentence if this error means that output can't be written; None if it means something else.

    The sentence is empty if the reader, such as `head`, has ended. The rest of the output is discarded.
    """
    if isinstance(error, BrokenPipeError):
        _give_up(sys.stdout)
        return ""
    if not isinstance(error, OSError) or error.errno not in _FULL or error.filename is not None:
        return None
    _give_up(sys.stdout)
    return f"the output of this command can't be written: {error.strerror}. Free some space."


@contextlib.contextmanager
def telling() -> Iterator[None]:
    """Ignore a failure to write to the error stream: the exit status shows what happened."""
    try:
        yield
    except OSError:
        _give_up(sys.stderr)


def tell(text: str) -> None:
    """Print a line to the error stream."""
    with telling():
        click.echo(text, err=True)


def _give_up(stream: IO[str]) -> None:
    """Discard the buffered output; else writing it would fail again when the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


# Information and warnings of TensorFlow's C++ code, in its own form and, since 2.21, in Abseil's, which
# no setting silences before Abseil is initialized.
_CHATTER = re.compile(
    r"[IW]\d{4} [\d:.]+ +\d+ \S+:\d+\]|\d{4}-\d\d-\d\d [\d:.]+: [IW] "
    r"|\S+ \S+ E \S+:\d+\] Unable to register cu\w+ (factory|plugin)"  # of a build for GPUs, on any machine
    r"|\S+ \S+ E \S+:\d+\] oneDNN supports DT_\w+ only on platforms"  # a slower kernel is taken
    r"|Corrupt JPEG data: |Premature end of JPEG file"  # libjpeg; our own messages say what becomes of it
    r"|WARNING: All log messages before absl::InitializeLog\(\)|To enable the following instructions: "
)


@contextlib.contextmanager
def native_stderr_to(target: IO[str]) -> Iterator[None]:
    """Redirect the standard error of the process, including the output of C++ code."""
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(target.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Hide what TensorFlow prints while it loads; other output to the error stream is printed afterwards."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with warnings.catch_warnings(), tempfile.TemporaryFile("w+", errors="replace") as held:
        warnings.simplefilter("ignore")
        try:
            with native_stderr_to(held):
                yield
        finally:
            held.seek(0)
            for line in held:
                if not _CHATTER.match(line):
                    sys.stderr.write(line)


FAILED = 1
WRONG_USAGE = 2  # click's own
DRIFT = 3
REFUSED = 4
INTERRUPTED = 130  # 128 + SIGINT, as shells have it

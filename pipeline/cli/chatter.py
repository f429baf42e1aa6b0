"""Keeps from the user what libraries say while they load; commands that run in this process need it."""

import contextlib
import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import IO

# Information and warnings of TensorFlow's C++ code, in its own form and, since 2.21, in Abseil's, which
# no setting silences before Abseil is initialised.
_CHATTER = re.compile(
    r"[IW]\d{4} [\d:.]+ +\d+ \S+:\d+\]|\d{4}-\d\d-\d\d [\d:.]+: [IW] "
    r"|\S+ \S+ E \S+:\d+\] Unable to register cu\w+ (factory|plugin)"  # of a build for GPUs, on any machine
    r"|\S+ \S+ E \S+:\d+\] oneDNN supports DT_\w+ only on platforms"  # a slower kernel is taken
    r"|Corrupt JPEG data: |Premature end of JPEG file"  # libjpeg; our own messages say what becomes of it
    r"|WARNING: All log messages before absl::InitializeLog\(\)|To enable the following instructions: "
)


@contextlib.contextmanager
def native_stderr_to(target: IO[str]) -> Iterator[None]:
    """Sends the process's standard error elsewhere, also what C++ code writes."""
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
    """Inside, TensorFlow may load. Whatever else goes to the error stream is printed afterwards."""
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

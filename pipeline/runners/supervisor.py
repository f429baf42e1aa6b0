"""Starts a pipeline in a process of its own and hands on what it tells."""

import contextlib
import dataclasses
import datetime
import fcntl
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

from pipeline.config import PipelineConfig
from pipeline.root import require_no_pattern, require_unmoved
from pipeline.runners import events

# The kernel ends the child of a killed command at once, but not in the same moment.
_SECONDS_FOR_A_KILLED_RUN_TO_END = 3.0


class RunError(RuntimeError):
    """A run that could not start; the text says why and what to do."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        exit_code: 0 on success; negative is the number of the signal that ended the process.
        finished: The run's id and figures; None unless it succeeded.
        peak_memory_bytes: Peak resident memory of the pipeline's process.
        log_path: The file with everything that was printed.
    """

    exit_code: int
    finished: events.Finished | None
    peak_memory_bytes: int
    log_path: pathlib.Path


def require_usable(config: PipelineConfig) -> None:
    """Checks what a run needs beside its data: a root to write to, and the metadata server if there is one.

    Raises:
        RunError: If the root is not a local directory, or can't be written.
        ConfigError: If the root has characters of patterns or was moved, or the server can't be opened.
    """
    if "://" in config.root:
        raise RunError(
            f"Received the root {config.root}; a run on this machine needs a local directory. Set one with "
            "--set root=DIR, or compile the pipeline for Kubeflow: there the root may be on an object store."
        )
    require_no_pattern(config)
    require_unmoved(config)
    root = pathlib.Path(config.root)
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise _unwritable(root, error) from error
    if config.metadata.kind != "sqlite":
        from pipeline import metadata  # it takes a second to import, and a SQLite file needs no check

        metadata.open_store(metadata.connection_config(config))


def prepare_root(config: PipelineConfig) -> None:
    """Makes the root, after the checks of `require_usable`.

    Raises:
        RunError: As `require_usable`.
        ConfigError: As `require_usable`.
    """
    require_usable(config)
    try:
        pathlib.Path(config.root).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(pathlib.Path(config.root), error) from error


def run_pipeline(
    config: PipelineConfig, source: Mapping[str, Any], on_event: Callable[[events.Event], None]
) -> Outcome:
    """Runs the pipeline to its end.

    Args:
        config: The configuration; `prepare_root` has made its root.
        source: What is known of the data beforehand (fields of `pipeline.source.Source`).
        on_event: Called with each event, in this thread.

    Raises:
        RunError: If another run uses the same root, or the root can't be used.
    """
    root = pathlib.Path(config.root)
    with _exclusive(root) as lock:
        log_path = _log_path(root)
        read_end, write_end = os.pipe()
        with log_path.open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "pipeline.runners.local", str(write_end), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end, lock),  # as long as it lives, no second run may begin
                env=_environment(),
            )
        os.close(write_end)
        assert child.stdin is not None
        request = {"config": config.model_dump(mode="json"), "source": dict(source)}
        with contextlib.suppress(BrokenPipeError), child.stdin as stdin:
            stdin.write(json.dumps(request).encode())
        finished = None
        try:
            with os.fdopen(read_end, "rb") as lines:
                for line in lines:
                    event = events.parse(line)
                    if isinstance(event, events.Finished):
                        finished = event
                    on_event(event)
        except BaseException:
            child.terminate()
            raise
        finally:
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        return Outcome(child.returncode, finished, usage.ru_maxrss * 1024, log_path)


def _environment() -> dict[str, str]:
    """The child's environment: TensorFlow says less, and Python's argparse looks for no translation.

    Beam parses its options for every stage; each time, gettext searches the disk for a message
    catalogue of the user's language. `LANGUAGE=C` ends that search.
    """
    environment = dict(os.environ)
    environment.setdefault("LANGUAGE", "C")
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    environment.setdefault("PYTHONWARNINGS", "ignore::FutureWarning,ignore::DeprecationWarning")
    return environment


def _log_path(root: pathlib.Path) -> pathlib.Path:
    folder = root / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"run-{datetime.datetime.now():%Y%m%d-%H%M%S}.log"


def _unwritable(root: pathlib.Path, error: OSError) -> RunError:
    return RunError(
        f"The root {root} can't be written ({error.strerror}). Set another one with --set root=DIR."
    )


@contextlib.contextmanager
def _exclusive(root: pathlib.Path) -> Iterator[int]:
    """Holds the root's lock; yields its file descriptor.

    The system releases it when every process that inherited it has ended, killed ones too.
    """
    try:
        handle = (root / ".lock").open("a+")
    except OSError as error:
        raise _unwritable(root, error) from error
    with handle:
        deadline = time.monotonic() + _SECONDS_FOR_A_KILLED_RUN_TO_END
        while not _locked(handle):
            if time.monotonic() > deadline:
                raise RunError(f"Another run uses {root}. Wait for it, or give this one another root.")
            time.sleep(0.1)
        yield handle.fileno()


def _locked(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

"""Start the pipeline in a child process, and pass on its events."""

import contextlib
import dataclasses
import datetime
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from tfx_contrastive.contract import locking
from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.runners import events
from tfx_contrastive.pipeline.runners.signals import Relay
from tfx_contrastive.pipeline.runs import presence
from tfx_contrastive.pipeline.runs.root import require_no_pattern, require_outside_data, require_unmoved
from tfx_contrastive.pipeline.source import Source

# After a killed command the kernel kills its child, which takes a moment.
_SECONDS_FOR_A_KILLED_RUN_TO_END = 3.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome of a run.

    Attributes:
        exit_code: 0 on success. A negative number is the signal that ended the process.
        stopped_by: The signal that asked the run to stop; None if there was none.
        record: The finished nodes and the last checkpoint.
        finished: Id and figures of the run; None unless it succeeded.
        peak_memory_bytes: Peak resident memory of the child process.
        log_path: The log file, with all output of the child process.
    """

    exit_code: int
    stopped_by: signal.Signals | None
    record: presence.Record
    finished: events.Finished | None
    peak_memory_bytes: int
    log_path: pathlib.Path


def require_usable(config: PipelineConfig) -> None:
    """Check that the root can be written, and that the metadata server, if there is one, answers.

    Raises:
        InputError: If the root is not a local directory, or can't be written.
        ConfigError: If the root contains pattern characters, lies inside the data or was moved, or if the
            metadata can't be opened.
    """
    if "://" in config.root:
        raise InputError(
            f"Received the root {config.root}; a run on this machine needs a local directory. Set one with "
            "--set root=DIR, or compile the pipeline for Kubeflow: there the root may be on an object store."
        )
    require_no_pattern(config)
    require_outside_data(config)
    require_unmoved(config)
    root = pathlib.Path(config.root)
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise _unwritable(root, error) from error
    if config.metadata.kind != "sqlite":
        from tfx_contrastive.pipeline.runs import (
            metadata,  # it takes a second to import, and a SQLite file needs no check
        )

        metadata.open_store(metadata.connection_config(config))


def prepare_root(config: PipelineConfig) -> None:
    """Create the root, after the checks of `require_usable`.

    Raises:
        InputError: As in `require_usable`.
        ConfigError: As in `require_usable`.
    """
    require_usable(config)
    try:
        pathlib.Path(config.root).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(pathlib.Path(config.root), error) from error


def run_pipeline(
    config: PipelineConfig,
    source: Source,
    on_event: Callable[[events.Event], None],
    on_stop: Callable[[], None],
    options: Sequence[str] = (),
) -> Outcome:
    """Run the pipeline to its end.

    Args:
        config: The configuration; `prepare_root` has made its root.
        source: The state of the data before the run.
        on_event: Called with each event, in this thread.
        on_stop: Called in a signal handler when SIGINT, SIGTERM or SIGHUP asks the run to stop. The run then
            has `SECONDS_TO_STOP` to end; a second signal kills it at once.
        options: The options of the command as words, recorded so that a stopped run can be continued.

    Raises:
        InputError: If another run uses the same root, or the root can't be used.
    """
    root = pathlib.Path(config.root)
    with _exclusive(root) as lock, Relay(on_stop) as relay:
        log_path = _log_path(root)
        interruption = presence.left_behind(config)
        record = presence.new_record(str(log_path), options)
        presence.write(config.root, record)
        read_end, write_end = os.pipe()
        with log_path.open("wb") as log:
            child = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tfx_contrastive.pipeline.runners.local",
                    str(write_end),
                    str(os.getpid()),
                ],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end, lock),  # the lock is held as long as the child lives
                env=_environment(),
                start_new_session=True,  # its own process group; the relay forwards Ctrl-C
            )
        os.close(write_end)
        relay.attach(child)
        assert child.stdin is not None
        with contextlib.suppress(BrokenPipeError), child.stdin as stdin:
            stdin.write(events.Request(config, source, interruption).to_json())
        finished = None
        try:
            with os.fdopen(read_end, "rb") as lines, _beating(config.root):
                for line in lines:
                    event = events.parse(line)
                    if isinstance(event, events.Finished):
                        finished = event
                    updated = _updated(record, event)
                    if updated != record:
                        record = updated
                        presence.write(config.root, record)
                    on_event(event)
        except BaseException:
            relay.end_group()
            raise
        finally:
            _, status, usage = os.wait4(child.pid, 0)
            relay.end_group()  # kill what the child has left running
            child.returncode = os.waitstatus_to_exitcode(status)
        stopped_by = relay.received
        if child.returncode - 128 in (signal.SIGINT, signal.SIGTERM):  # stopped by another process
            stopped_by = stopped_by or signal.Signals(child.returncode - 128)
        if finished:
            stopped_by = None  # the signal came too late
        if finished or (child.returncode > 0 and not stopped_by):
            presence.write(config.root, dataclasses.replace(record, ended=True))
        return Outcome(child.returncode, stopped_by, record, finished, usage.ru_maxrss * 1024, log_path)


def _updated(record: presence.Record, event: events.Event) -> presence.Record:
    """Return the record, updated by an event."""
    if isinstance(event, events.Begun):
        return dataclasses.replace(record, run_id=event.run_id)
    if isinstance(event, events.Kept):
        return dataclasses.replace(record, kept_step=event.step, num_steps=event.num_steps)
    if not isinstance(event, events.Node):
        return record
    running = event.state == "running"
    done = record.done if event.state in ("running", "failed") else (*record.done, event.id)
    node = event.id if running else ""
    return dataclasses.replace(record, node=node, done=done, kept_step=None, num_steps=None)


@contextlib.contextmanager
def _beating(root: str) -> Iterator[None]:
    """Write heartbeats meanwhile, for other machines that share the root."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(presence.SECONDS_BETWEEN_BEATS):
            presence.beat(root)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _environment() -> dict[str, str]:
    """Return the environment of the child: TensorFlow prints less, and argparse looks for no translations.

    Beam parses its options for every stage. Each time, gettext searches the disk for a message catalog in the
    language of the user. `LANGUAGE=C` avoids that search.
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


def _unwritable(root: pathlib.Path, error: OSError) -> InputError:
    return InputError(
        f"The root {root} can't be written ({error.strerror}). Set another one with --set root=DIR."
    )


@contextlib.contextmanager
def _exclusive(root: pathlib.Path) -> Iterator[int]:
    """Hold the lock of the root, and yield its file descriptor.

    The system releases the lock when every process that inherited it has ended, also if it was killed.
    """
    try:
        handle = (root / ".lock").open("a+")
    except OSError as error:
        raise _unwritable(root, error) from error
    with handle:
        deadline = time.monotonic() + _SECONDS_FOR_A_KILLED_RUN_TO_END
        while not _locked(handle):
            if time.monotonic() > deadline:
                raise _used(root)
            time.sleep(0.1)
        if presence.alive_elsewhere(str(root)):
            raise _used(root)
        yield handle.fileno()


def _used(root: pathlib.Path) -> InputError:
    record = presence.read(str(root))
    who = f" (process {record.pid} on {record.host}, since {record.started})" if record else ""
    return InputError(f"Another run uses {root}{who}. Wait for it, or give this one another root.")


def _locked(handle: IO[str]) -> bool:
    try:
        return locking.acquire(handle)
    except OSError as error:
        raise InputError(
            f"{handle.name} can't be locked ({error.strerror}), so two runs could use this root at the same "
            "time. Set a root on a file system that supports locks with --set root=DIR."
        ) from error

"""The record of the process that works on a root, from which `status` tells whether a run has died."""

import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import time
from collections.abc import Sequence
from typing import Any

from tfx_contrastive.contract import locking
from tfx_contrastive.pipeline.config import PipelineConfig
from tfx_contrastive.pipeline.config.model import SqliteMetadataConfig

from .lineage import Interruption

LOCK_FILE = ".lock"
RECORD_FILE = ".run.json"
SECONDS_BETWEEN_BEATS = 20.0

# A lock shows every process on this machine; a process on another machine that shares the root is shown by
# its heartbeat.
_SECONDS_UNTIL_SILENT = 120.0


@dataclasses.dataclass(frozen=True)
class Record:
    """The newest run of a root, as recorded on disk by the command that started it.

    Attributes:
        pid: Process id of the command.
        host: Name of its machine.
        boot_id: Id of the boot of its machine; empty if the system has none.
        started: Start of the command, ISO 8601 with a time zone.
        log: Path of its log file.
        run_id: Id of the run in ML Metadata; empty before its first node.
        done: Nodes that succeeded, in their order.
        node: The current node; empty between nodes.
        kept_step: Step of the node's last checkpoint; None without a checkpoint.
        num_steps: Number of the node's steps; None without a checkpoint.
        ended: Whether the run ended by itself, with success or failure.
        folder: Working directory of the command; empty if unknown.
        options: Its `--config` and `--set` options.
    """

    pid: int
    host: str
    boot_id: str
    started: str
    log: str
    run_id: str = ""
    done: tuple[str, ...] = ()
    node: str = ""
    kept_step: int | None = None
    num_steps: int | None = None
    ended: bool = False
    folder: str = ""
    options: tuple[str, ...] = ()


def new_record(log: str, options: Sequence[str] = ()) -> Record:
    """Return the record of a run that this process starts now; `options` are those of its command."""
    host, boot_id = _machine()
    started = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    folder = os.getcwd()
    return Record(os.getpid(), host, boot_id, started, log, folder=folder, options=tuple(options))


def _machine() -> tuple[str, str]:
    """Return the name of this machine and the id of its boot."""
    boot_id = ""
    with contextlib.suppress(OSError):
        boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return platform.node(), boot_id


def write(root: str, record: Record) -> None:
    """Replace the record of a root. Errors of the disk are ignored: they are no reason to end a run."""
    path = pathlib.Path(root, RECORD_FILE)
    new = path.with_name(f"{RECORD_FILE}.{os.getpid()}")
    with contextlib.suppress(OSError):
        new.write_text(json.dumps(dataclasses.asdict(record)), encoding="utf-8")
        new.replace(path)


def beat(root: str) -> None:
    """Update the heartbeat of a root."""
    with contextlib.suppress(OSError):
        os.utime(pathlib.Path(root, RECORD_FILE))


def read(root: str) -> Record | None:
    """Return the record of a root; None if there is no readable record."""
    try:
        values: dict[str, Any] = json.loads(pathlib.Path(root, RECORD_FILE).read_text(encoding="utf-8"))
        lists = {"done": tuple(values["done"]), "options": tuple(values.get("options", ()))}
        return Record(**{**values, **lists})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def at_work(root: str) -> bool:
    """Return whether a process is at work on a root, here or on another machine that shares it."""
    if locking.is_held(pathlib.Path(root, LOCK_FILE)):
        return True
    return alive_elsewhere(root)


def alive_elsewhere(root: str) -> bool:
    """Return whether the record is of another machine and its heartbeat is recent."""
    record, (host, boot_id) = read(root), _machine()
    if record is None or record.ended or record.host == host:
        return False
    if record.boot_id and record.boot_id == boot_id:
        return False  # another container on this machine: its lock decides
    try:
        silent = time.time() - os.stat(pathlib.Path(root, RECORD_FILE)).st_mtime
    except OSError:
        return False
    return silent < _SECONDS_UNTIL_SILENT


def interruption(config: PipelineConfig) -> Interruption:
    """Return the runs in ML Metadata whose process died."""
    if "://" in config.root or at_work(config.root):
        return Interruption()
    return left_behind(config)


def left_behind(config: PipelineConfig) -> Interruption:
    """Return the same as `interruption` for a caller that knows that no other process works on the root."""
    record = read(config.root)
    died = record.run_id if record and not record.ended else ""
    return Interruption(died, has_own_metadata(config))


def has_own_metadata(config: PipelineConfig) -> bool:
    """Return whether ML Metadata holds runs of this root only; runs of another root may be at work."""
    return isinstance(config.metadata, SqliteMetadataConfig) and config.metadata.path is None

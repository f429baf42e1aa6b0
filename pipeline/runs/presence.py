"""Which run uses a root, and whether its process lives: what `status` knows of a run that died."""

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

# A lock tells of every process on this machine. Of another one that shares the root, signs of life do.
_SECONDS_UNTIL_SILENT = 120.0


@dataclasses.dataclass(frozen=True)
class Record:
    """The newest run of a root, as the command that watches it keeps it on disk.

    Attributes:
        pid: Process of the command.
        host: Name of its machine.
        boot_id: Of the system that it runs on; empty where the system tells none.
        started: When it began, ISO 8601 with a time zone.
        log: Path of its log file.
        run_id: ML Metadata's name of the run; empty before its first node.
        done: Nodes that have ended well, in order.
        node: The node at work; empty between nodes.
        kept_step: Step of the node's last checkpoint; None without one.
        num_steps: All of its steps; None likewise.
        ended: Whether the run came to its own end, good or bad.
        folder: Where the command was given; empty where that is not known.
        options: Its --config and --set, word by word.
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
    """The record of a run that this process begins now; `options` are those of its command."""
    host, boot_id = _machine()
    started = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    folder = os.getcwd()
    return Record(os.getpid(), host, boot_id, started, log, folder=folder, options=tuple(options))


def _machine() -> tuple[str, str]:
    """Name of this machine, and which of its starts this is."""
    boot_id = ""
    with contextlib.suppress(OSError):
        boot_id = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return platform.node(), boot_id


def write(root: str, record: Record) -> None:
    """Replaces the record of a root; a full or lost disk is no reason to end a run."""
    path = pathlib.Path(root, RECORD_FILE)
    new = path.with_name(f"{RECORD_FILE}.{os.getpid()}")
    with contextlib.suppress(OSError):
        new.write_text(json.dumps(dataclasses.asdict(record)), encoding="utf-8")
        new.replace(path)


def beat(root: str) -> None:
    """Gives a sign of life."""
    with contextlib.suppress(OSError):
        os.utime(pathlib.Path(root, RECORD_FILE))


def read(root: str) -> Record | None:
    """The record of a root; None where there is none that can be read."""
    try:
        values: dict[str, Any] = json.loads(pathlib.Path(root, RECORD_FILE).read_text(encoding="utf-8"))
        lists = {"done": tuple(values["done"]), "options": tuple(values.get("options", ()))}
        return Record(**{**values, **lists})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def at_work(root: str) -> bool:
    """Whether a process is at work on a root, here or on another machine that shares it."""
    if locking.is_held(pathlib.Path(root, LOCK_FILE)):
        return True
    return alive_elsewhere(root)


def alive_elsewhere(root: str) -> bool:
    """Whether the record is of another machine, and gave a sign of life a short while ago."""
    record, (host, boot_id) = read(root), _machine()
    if record is None or record.ended or record.host == host:
        return False
    if record.boot_id and record.boot_id == boot_id:
        return False  # another container of this machine: the lock counts
    try:
        silent = time.time() - os.stat(pathlib.Path(root, RECORD_FILE)).st_mtime
    except OSError:
        return False
    return silent < _SECONDS_UNTIL_SILENT


def interruption(config: PipelineConfig) -> Interruption:
    """Which runs of ML Metadata were ended before their end."""
    if "://" in config.root or at_work(config.root):
        return Interruption()
    return left_behind(config)


def left_behind(config: PipelineConfig) -> Interruption:
    """The same, where nobody but the caller can be at work on the root."""
    record = read(config.root)
    died = record.run_id if record and not record.ended else ""
    return Interruption(died, has_own_metadata(config))


def has_own_metadata(config: PipelineConfig) -> bool:
    """Whether ML Metadata knows of runs of this root only; else runs of another one may be at work."""
    return isinstance(config.metadata, SqliteMetadataConfig) and config.metadata.path is None

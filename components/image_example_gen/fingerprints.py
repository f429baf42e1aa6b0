"""The fingerprint of a source: a digest of its files that tells if they must be ingested again."""

import concurrent.futures
import contextlib
import hashlib
import logging
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Any

from tfx_contrastive.components.image_example_gen.records import Content
from tfx_contrastive.contract import file_info, files

FILE_NAME = "digests.sqlite"

_logger = logging.getLogger(__name__)
_PER_QUERY = 500  # SQLite takes 999 values in all its versions
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS digests (path BLOB PRIMARY KEY, version TEXT, digest TEXT) WITHOUT ROWID"
)


class DigestStore:
    """A SQLite file: absolute path -> version and digest of the file when it was read.

    It only saves time. If it can't be opened or written, one warning is logged, and files are read. A
    damaged one is replaced. Several processes may use it at once.
    """

    def __init__(self, path: str):
        """Open the file, or make it; its directory must exist."""
        self._path = path
        self._connection: sqlite3.Connection | None = None
        with self._tolerant():
            self._connection = _open(path)

    def known(self, infos: Sequence[file_info.FileInfo]) -> dict[str, str]:
        """Return `FileInfo.path` -> digest of the files that have not changed since they were read."""
        found: dict[str, str] = {}
        for start in range(0, len(infos), _PER_QUERY):
            part = {_key(info.path): info for info in infos[start : start + _PER_QUERY] if info.version}
            marks = ", ".join("?" * len(part))
            rows: Sequence[tuple[bytes, str, str]] = ()
            with self._tolerant():
                if self._connection:
                    query = f"SELECT path, version, digest FROM digests WHERE path IN ({marks})"  # noqa: S608 marks are `?, ?`
                    rows = self._connection.execute(query, list(part)).fetchall()
            found |= {
                part[path].path: digest for path, version, digest in rows if version == part[path].version
            }
        return found

    def remember(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Store rows (path, version, digest), all or none of them."""
        with self._tolerant():
            if self._connection and rows:
                with self._connection:  # one transaction
                    self._connection.executemany(
                        "INSERT OR REPLACE INTO digests VALUES (?, ?, ?)",
                        [(_key(path), version, digest) for path, version, digest in rows],
                    )

    def close(self) -> None:
        """Close the file."""
        if self._connection:
            self._connection.close()

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Continue without the file if it fails."""
        try:
            yield
        except sqlite3.Error as error:
            self.close()
            self._connection = None
            _logger.warning(
                "%s can't be used (%s): every file of the data is read to see what has changed, in this run "
                "and the next. Make its directory writable, or delete the file.",
                self._path,
                error,
            )


def _open(path: str) -> sqlite3.Connection:
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, or not to be opened
            raise
    with contextlib.suppress(OSError):
        os.remove(path)  # no database, or a damaged one; its content can be computed again
    return _connect(path)


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10)
    try:
        connection.execute(_SCHEMA)
        connection.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _key(path: str) -> bytes:
    if not files.scheme_of(path):
        path = os.path.abspath(files.local(path))
    return path.encode("utf-8", "surrogateescape")


# Part of every fingerprint; raise it when the same source gives other examples.
FORMAT_VERSION = "2"

_BATCH = 2048  # files per batch
_PER_TASK = 32
_THREADS = 16  # mostly waiting for a disk or a network
_BLOCK = 1 << 20
_ATTEMPTS = 3
# The clock of a file system ticks in steps of up to 2 s; a second write within a step would not show.
_UNSETTLED_NS = 3 * 10**9


def fingerprint(
    content: Content,
    store_path: str | None = None,
    read_all: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> str:
    """Return a digest of names and contents; times, owners and the place of the root don't matter.

    A file is read if its digest is not known: it was never read, was written since, or was replaced. For
    object stores the checksum of the listing is used.

    Args:
        content: Content of the source, from `inspect_source`.
        store_path: SQLite file of a `DigestStore`; None: every file is read.
        read_all: Whether to read every file, for file systems that don't show changes.
        tell: Function that is called with the number of files done and the number of all files.

    Returns:
        32 hexadecimal digits.
    """
    digest = hashlib.sha256(FORMAT_VERSION.encode())
    for part in content.more:
        digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
    store = DigestStore(store_path) if store_path else None
    try:
        with _Readers() as readers:
            for start in range(0, len(content.files), _BATCH):
                batch = content.files[start : start + _BATCH]
                for info, known in zip(batch, _digests(batch, store, read_all, readers), strict=True):
                    line = f"{info.relative}\t{info.size}\t{known}\t{info.problem}\0"
                    digest.update(line.encode("utf-8", "surrogateescape"))
                if tell:
                    tell(start + len(batch), len(content.files))
    finally:
        if store:
            store.close()
    return digest.hexdigest()[:32]


def changed_since(content: Content) -> list[str]:
    """Return the local files of a source that were written, replaced or removed since it was listed.

    Args:
        content: Content of the source, from `inspect_source`.

    Returns:
        Their paths under the root, in order.
    """
    found = []
    for info in content.files:
        if info.problem or files.scheme_of(info.path):
            continue
        try:
            now = file_info.stat(info.path)
        except OSError:
            now = None
        if now is None or now.version != info.version:
            found.append(info.relative)
    return found


def _digests(
    batch: Sequence[file_info.FileInfo],
    store: DigestStore | None,
    read_all: bool,
    readers: "_Readers",
) -> Iterator[str]:
    """Yield the digest of each file, in order; store the digests of files that had to be read."""
    remembered = store.known(batch) if store and not read_all else {}
    read = readers.read({i.path for i in batch if not (i.problem or i.checksum or i.path in remembered)})
    versions = {info.path: info.version for info in batch}
    if store:
        store.remember(
            [
                (path, version or versions[path], digest)
                for path, (digest, version) in read.items()
                if version is not None and (version or versions[path])
            ]
        )
    for info in batch:
        if info.problem or info.checksum:
            yield info.checksum
        else:
            yield remembered.get(info.path) or read[info.path][0]


class _Readers:
    """Threads that read files. On an exception (such as Ctrl-C) they stop in the middle of a file."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._pool = concurrent.futures.ThreadPoolExecutor(_THREADS)

    def __enter__(self) -> "_Readers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._stop.set()
        self._pool.shutdown(cancel_futures=True)

    def read(self, paths: Iterable[str]) -> dict[str, tuple[str, str | None]]:
        """Return path -> result of `_read`."""
        ordered = sorted(paths)
        groups = [ordered[start : start + _PER_TASK] for start in range(0, len(ordered), _PER_TASK)]
        return dict(pair for group in self._pool.map(self._read_group, groups) for pair in group)

    def _read_group(self, paths: Sequence[str]) -> list[tuple[str, tuple[str, str | None]]]:
        return [(path, _read(path, self._stop)) for path in paths]


def _read(path: str, stop: threading.Event) -> tuple[str, str | None]:
    """Return the digest of a file, and the version that was read.

    The version is empty if that of the listing counts. It is None if the digest must not be stored: the
    file is being written, was written a moment ago, or can't be read.
    """
    try:
        if not files.scheme_of(path):
            return _read_local(files.local(path), stop)
        with files.open_binary(path) as file:
            return _hashed(file, _BLOCK, stop), ""
    except OSError as error:
        return f"unreadable {error.errno}", None


def _read_local(path: str, stop: threading.Event) -> tuple[str, str | None]:
    for _ in range(_ATTEMPTS):
        now = time.time_ns()
        # Opening a named pipe would block until its other end is opened.
        with open(path, "rb", buffering=0, opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                return "no regular file", None
            digest = _hashed(file, min(before.st_size + 1, _BLOCK), stop)
            after = os.fstat(file.fileno())
        version = file_info.local_version(before)
        if version == file_info.local_version(after) and before.st_size == after.st_size:
            settled = max(before.st_mtime_ns, before.st_ctime_ns) < now - _UNSETTLED_NS
            return digest, version if settled else None
    return digest, None


def _hashed(file: Any, block_bytes: int, stop: threading.Event) -> str:
    digest = hashlib.sha256()
    while block := file.read(block_bytes):
        digest.update(block)
        if stop.is_set():
            raise InterruptedError
    return digest.hexdigest()

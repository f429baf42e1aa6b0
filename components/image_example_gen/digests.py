"""Remembers the digests of files, so that a file that nobody has touched is not read again."""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence

from tfx_contrastive.contract import files

FILE_NAME = "digests.sqlite"

_logger = logging.getLogger(__name__)
_PER_QUERY = 500  # SQLite takes 999 values in all its versions
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS digests (path BLOB PRIMARY KEY, version TEXT, digest TEXT) WITHOUT ROWID"
)


class DigestStore:
    """A SQLite file: absolute path -> version and digest of what was read there.

    It only saves time. Where it can't be opened or written, one warning is logged, and files are read. A
    damaged one is made anew. Several processes may use it at once.
    """

    def __init__(self, path: str):
        """Opens the file, or makes it; its directory must be there."""
        self._path = path
        self._connection: sqlite3.Connection | None = None
        with self._tolerant():
            self._connection = _open(path)

    def known(self, infos: Sequence[files.FileInfo]) -> dict[str, str]:
        """`FileInfo.path` -> digest, of the files whose version is the one that was read."""
        found: dict[str, str] = {}
        for start in range(0, len(infos), _PER_QUERY):
            part = {_key(info.path): info for info in infos[start : start + _PER_QUERY] if info.version}
            marks = ", ".join("?" * len(part))
            rows: Sequence[tuple[bytes, str, str]] = ()
            with self._tolerant():
                if self._connection:
                    query = f"SELECT path, version, digest FROM digests WHERE path IN ({marks})"
                    rows = self._connection.execute(query, list(part)).fetchall()
            found |= {
                part[path].path: digest for path, version, digest in rows if version == part[path].version
            }
        return found

    def remember(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Keeps (path, version, digest) rows, all or none of them."""
        with self._tolerant():
            if self._connection and rows:
                with self._connection:  # one transaction
                    self._connection.executemany(
                        "INSERT OR REPLACE INTO digests VALUES (?, ?, ?)",
                        [(_key(path), version, digest) for path, version, digest in rows],
                    )

    def close(self) -> None:
        """Closes the file."""
        if self._connection:
            self._connection.close()

    @contextlib.contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Goes on without the file when it fails."""
        try:
            yield
        except sqlite3.Error as error:
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
        os.remove(path)  # no database, or a damaged one: nothing in it can't be had again
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

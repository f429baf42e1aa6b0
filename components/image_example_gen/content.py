"""The fingerprint of what the files of a source hold: it decides whether they are ingested again."""

import concurrent.futures
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence

from components.image_example_gen import files
from components.image_example_gen.adapters.base import Content
from components.image_example_gen.digests import DigestStore

# Part of every fingerprint: raise it when the same source would give other examples.
FORMAT_VERSION = "2"

_BATCH = 2048  # files looked up, read and remembered at a time
_PER_TASK = 32
_THREADS = 16  # most of them wait for a disk or a network
_BLOCK = 1 << 20
_ATTEMPTS = 3
# A file system's clock ticks in steps, of 2 s at most: within one, a second write would not show.
_UNSETTLED_NS = 3 * 10**9


def fingerprint(
    content: Content,
    store_path: str | None = None,
    read_all: bool = False,
    tell: Callable[[int, int], None] | None = None,
) -> str:
    """Digest of names and content. Times, owners and the place of the root make no difference.

    A file is read where its digest is not known: where it was never read before, was written since, or
    another one stands in its place. Of object stores the checksum that comes with the listing counts.

    Args:
        content: Of `inspect_source`.
        store_path: SQLite file that remembers digests, see `DigestStore`; None: every file is read.
        read_all: Read every file, whatever is remembered: for file systems that don't tell of changes.
        tell: Called with the number of files done and of all files.

    Returns:
        32 hexadecimal digits.
    """
    digest = hashlib.sha256(FORMAT_VERSION.encode())
    for part in content.more:
        digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
    store = DigestStore(store_path) if store_path else None
    try:
        with concurrent.futures.ThreadPoolExecutor(_THREADS) as pool:
            for start in range(0, len(content.files), _BATCH):
                batch = content.files[start : start + _BATCH]
                for info, known in zip(batch, _digests(batch, store, read_all, pool), strict=True):
                    line = f"{info.relative}\t{info.size}\t{known}\t{info.problem}\0"
                    digest.update(line.encode("utf-8", "surrogateescape"))
                if tell:
                    tell(start + len(batch), len(content.files))
    finally:
        if store:
            store.close()
    return digest.hexdigest()[:32]


def changed_since(content: Content) -> list[str]:
    """Files of a source that were written, replaced or removed since it was listed; local ones only.

    Args:
        content: Of `inspect_source`.

    Returns:
        Their paths under the root, in order.
    """
    found = []
    for info in content.files:
        if info.problem or files.scheme_of(info.path):
            continue
        try:
            now = files.stat(info.path)
        except OSError:
            now = None
        if now is None or now.version != info.version:
            found.append(info.relative)
    return found


def _digests(
    batch: Sequence[files.FileInfo],
    store: DigestStore | None,
    read_all: bool,
    pool: concurrent.futures.Executor,
) -> Iterator[str]:
    """What each file holds, in order; what had to be read is remembered."""
    remembered = store.known(batch) if store and not read_all else {}
    unknown = {i.path for i in batch if not i.problem and not i.checksum and i.path not in remembered}
    paths = sorted(unknown)
    groups = [paths[start : start + _PER_TASK] for start in range(0, len(paths), _PER_TASK)]
    read = dict(pair for group in pool.map(_read_group, groups) for pair in group)
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


def _read_group(paths: Sequence[str]) -> list[tuple[str, tuple[str, str | None]]]:
    return [(path, _read(path)) for path in paths]


def _read(path: str) -> tuple[str, str | None]:
    """The digest of a file, and the version that was read.

    The version is empty where the listing's own counts, and None if the digest must not be remembered:
    the file is being written, was written a moment ago, or can't be read.
    """
    try:
        return _read_remote(path) if files.scheme_of(path) else _read_local(files.local(path))
    except OSError as error:
        return f"unreadable {error.errno}", None


def _read_remote(path: str) -> tuple[str, str | None]:
    digest = hashlib.sha256()
    with files.open_binary(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest(), ""


def _read_local(path: str) -> tuple[str, str | None]:
    for _ in range(_ATTEMPTS):
        now = time.time_ns()
        digest = hashlib.sha256()
        # A named pipe would wait for its other end.
        with open(path, "rb", buffering=0, opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                return "no regular file", None
            buffer = memoryview(bytearray(min(before.st_size + 1, _BLOCK)))
            while count := file.readinto(buffer):
                digest.update(buffer[:count])
            after = os.fstat(file.fileno())
        version = files.local_version(before)
        if version == files.local_version(after) and before.st_size == after.st_size:
            settled = max(before.st_mtime_ns, before.st_ctime_ns) < now - _UNSETTLED_NS
            return digest.hexdigest(), version if settled else None
    return digest.hexdigest(), None

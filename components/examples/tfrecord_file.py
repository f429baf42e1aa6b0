"""Reads TFRecord files without TensorFlow: framing, checksums, and compression told by the content.

A record is its length (8 bytes, little endian), the checksum of those, the data, and their checksum
(https://www.tensorflow.org/tutorials/load_data/tfrecord).
"""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, cast

import google_crc32c

from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError

from .file_formats import HEAD_BYTES, is_zlib, name_format

_HEADER_BYTES = 12
_MAX_RECORD_BYTES = 2**31 - 1  # of any protocol buffer
_BUFFER_BYTES = 1 << 20
_UNPACK_ERRORS = (OSError, EOFError, zlib.error)


def read(path: str) -> Iterator[bytes]:
    """Reads the records of a file, which may be compressed with gzip or zlib, whatever its name.

    Raises:
        DataError: If it is of another format, which is named then, or damaged; before the first record
            that can't be had.
    """
    number = 0
    try:
        with open_unpacked(path) as file:
            while header := file.read(_HEADER_BYTES):
                if not is_header(header):
                    raise DataError(_no_record_error(path, number, header, file))
                length = int.from_bytes(header[:8], "little")
                if length > _MAX_RECORD_BYTES:
                    raise DataError(_damaged_error(path, number, f"claims {length:,} bytes"))
                data, checksum = file.read(length), file.read(4)
                if len(data) < length or len(checksum) < 4:
                    raise DataError(_damaged_error(path, number, "ends within this record"))
                if int.from_bytes(checksum, "little") != _masked_crc(data):
                    raise DataError(_damaged_error(path, number, "has other data than its checksum says"))
                yield data
                number += 1
    except _UNPACK_ERRORS as error:
        raise DataError(_damaged_error(path, number, f"can't be read on: {error}")) from error


def offsets(path: str, max_records: int) -> tuple[list[int], bool]:
    """Finds where the records of an uncompressed file are, by their lengths alone.

    Args:
        path: The file.
        max_records: Where to stop.

    Returns:
        The offset of each, and whether these are all of them; ([], False) for a compressed file.

    Raises:
        DataError: If the file ends within a record, or goes on with something else.
    """
    found: list[int] = []
    with files.open_binary(path) as file:
        size, position = file.seek(0, 2), 0
        file.seek(0)
        while len(found) < max_records:
            header = file.read(_HEADER_BYTES)
            if not is_header(header):
                if found and position != size:
                    raise DataError(_damaged_error(path, len(found) - (position > size), "is cut or changed"))
                return found, not header
            found.append(position)
            position += _HEADER_BYTES + int.from_bytes(header[:8], "little") + 4
            file.seek(position)
    return found, False


def read_at(path: str, positions: Iterable[int]) -> Iterator[bytes]:
    """Reads records of an uncompressed file by their offsets; checksums are not looked at."""
    with files.open_binary(path) as file:
        for position in positions:
            file.seek(position)
            length = int.from_bytes(file.read(_HEADER_BYTES)[:8], "little")
            yield file.read(length)


def is_header(header: bytes) -> bool:
    """Whether bytes are the beginning of a record: a length and its checksum."""
    if len(header) < _HEADER_BYTES:
        return False
    return int.from_bytes(header[8:_HEADER_BYTES], "little") == _masked_crc(header[:8])


def other_format(path: str) -> str | None:
    """Names the format of a file that is surely no TFRecord file; None for one that may be one.

    An empty file is a TFRecord file without a record, as writers of many parts leave them.
    """
    with files.open_binary(path) as file:
        head = file.read(HEAD_BYTES)
    if not head or is_header(head[:_HEADER_BYTES]) or _is_compressed(head):
        return None
    return name_format(head)


def open_unpacked(path: str) -> BinaryIO:
    """Opens a file and unpacks it if it is compressed with gzip or zlib.

    Raises:
        OSError: If it can't be opened.
    """
    file = files.open_binary(path)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if is_header(head[:_HEADER_BYTES]) or not _is_compressed(head):
        return file
    if head.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=file), _BUFFER_BYTES))  # type: ignore[arg-type]
    return cast(BinaryIO, io.BufferedReader(_ZlibReader(file), _BUFFER_BYTES))


def _is_compressed(head: bytes) -> bool:
    return head.startswith(b"\x1f\x8b") or is_zlib(head)


class _ZlibReader(io.RawIOBase):
    """What gzip.GzipFile is for gzip."""

    def __init__(self, file: BinaryIO):
        super().__init__()
        self._file = file
        self._unpacker = zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._unpacker.eof:
            packed = self._unpacker.unconsumed_tail or self._file.read(_BUFFER_BYTES)
            data = self._unpacker.decompress(packed, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            if not packed:
                raise EOFError("the compressed data end too early")
        return 0

    def close(self) -> None:
        self._file.close()
        super().close()


def _masked_crc(data: bytes) -> int:
    checksum = google_crc32c.value(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _no_record_error(path: str, number: int, header: bytes, file: BinaryIO) -> str:
    if number:
        return _damaged_error(path, number, "has no length that its checksum fits")
    found = name_format(header + file.read(HEAD_BYTES - len(header)))
    if found is None and len(header) < _HEADER_BYTES:
        return _damaged_error(path, 0, f"ends after {len(header)} bytes")
    return (
        f"Received {path}, which is {found or f'no TFRecord file: it starts with {header.hex()}'}; expected "
        "TFRecord files of tf.train.Example, as they are or compressed with gzip or zlib. Correct "
        "data.source, or take the file away."
    )


def _damaged_error(path: str, number: int, problem: str) -> str:
    return (
        f"Received {path}, which is damaged behind {number:,} whole records: record {number} {problem}; "
        "what follows can't be found. Copy or write the file again."
    )

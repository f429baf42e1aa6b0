"""Read TFRecord files of `tf.train.Example` without TensorFlow, whose import takes seconds.

A record is its length (8 bytes, little endian), the checksum of the length, the data, and the checksum of
the data (https://www.tensorflow.org/tutorials/load_data/tfrecord). Compression is told by the content.
"""

import contextlib
import functools
import gzip
import io
import zlib
from collections.abc import Generator, Iterable, Iterator
from typing import Any, BinaryIO, cast

import google_crc32c
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from tfx_contrastive.components.examples.file_formats import HEAD_BYTES, is_zlib, name_format
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError

_HEADER_BYTES = 12
_MAX_RECORD_BYTES = 2**31 - 1  # of any protocol buffer
_BUFFER_BYTES = 1 << 20
_UNPACK_ERRORS = (OSError, EOFError, zlib.error)


def read(path: str) -> Generator[bytes, None, None]:
    """Read the records of a file; gzip or zlib compression is recognized by its content.

    Raises:
        DataError: If the file is damaged or has another format. Records before the damage are yielded
            first.
    """
    number = 0
    try:
        with _open_unpacked(path) as file:
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
    """Find the positions of the records of an uncompressed file; their data is not read.

    Args:
        path: The file.
        max_records: The number of records after which to stop.

    Returns:
        The offset of each record, and whether these are all records; ([], False) for a compressed file.

    Raises:
        DataError: If the file ends within a record, or another format follows the records.
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
    """Read the records of an uncompressed file at these offsets; checksums are not verified."""
    with files.open_binary(path) as file:
        for position in positions:
            file.seek(position)
            length = int.from_bytes(file.read(_HEADER_BYTES)[:8], "little")
            yield file.read(length)


def read_unchecked(path: str) -> Iterator[bytes]:
    """Read the records of an uncompressed file that this run wrote; checksums are not verified.

    The whole file is read into memory. `tf.data` needs four times as long.
    """
    data = files.read_bytes(path)
    position = 0
    while position < len(data):
        start = position + _HEADER_BYTES
        end = start + int.from_bytes(data[position : position + 8], "little")
        yield data[start:end]
        position = end + 4


def paths_in(folders: Iterable[str]) -> list[str]:
    """Return the paths of the files in the directories of a split, sorted."""
    return sorted(path for folder in folders for path in files.glob(files.join(folder, "*")))


def as_dataset(path: str) -> Any:
    """Return a `tf.data.Dataset` of the records of a file, scalar strings; `.gz` files are unpacked.

    For TFRecord files that this pipeline wrote, and readers that batch and prefetch with `tf.data`.
    """
    import tensorflow as tf

    return tf.data.TFRecordDataset(path, compression_type="GZIP" if path.endswith(".gz") else "")


def is_header(header: bytes) -> bool:
    """Return whether bytes begin a record: a length and its checksum."""
    if len(header) < _HEADER_BYTES:
        return False
    return int.from_bytes(header[8:_HEADER_BYTES], "little") == _masked_crc(header[:8])


def other_format(path: str) -> str | None:
    """Return the format of a file that is certainly no TFRecord file; None if it may be one.

    An empty file is a TFRecord file without records; programs that write many parts leave such files.
    """
    with files.open_binary(path) as file:
        head = file.read(HEAD_BYTES)
    if not head or is_header(head[:_HEADER_BYTES]) or _is_compressed(head):
        return None
    return name_format(head)


@contextlib.contextmanager
def _open_unpacked(path: str) -> Iterator[BinaryIO]:
    """Open a file, and unpack it if it is compressed with gzip or zlib.

    Raises:
        OSError: If the file can't be opened.
    """
    with files.open_binary(path) as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        if is_header(head[:_HEADER_BYTES]) or not _is_compressed(head):
            yield file
            return
        packed: Any = gzip.GzipFile(fileobj=file) if head.startswith(b"\x1f\x8b") else _ZlibReader(file)
        with io.BufferedReader(packed, _BUFFER_BYTES) as unpacked:
            yield cast(BinaryIO, unpacked)


def _is_compressed(head: bytes) -> bool:
    return head.startswith(b"\x1f\x8b") or is_zlib(head)


class _ZlibReader(io.RawIOBase):
    """A readable stream of the unpacked data, as `gzip.GzipFile` is for gzip."""

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


def _masked_crc(data: bytes) -> int:
    checksum: int = google_crc32c.value(data)
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


_PACKAGE = "tfx_contrastive"
_TYPES = descriptor_pb2.FieldDescriptorProto

# Message -> its fields: name, number, type, repeated. As tensorflow/core/example/{example,feature}.proto
# define them, and `feature_lists` of a SequenceExample: an Example has no field with that number.
_MESSAGES: dict[str, tuple[tuple[str, int, Any, bool], ...]] = {
    "BytesList": (("value", 1, _TYPES.TYPE_BYTES, True),),
    "FloatList": (("value", 1, _TYPES.TYPE_FLOAT, True),),
    "Int64List": (("value", 1, _TYPES.TYPE_INT64, True),),
    "Feature": (
        ("bytes_list", 1, "BytesList", False),
        ("float_list", 2, "FloatList", False),
        ("int64_list", 3, "Int64List", False),
    ),
    "FeatureList": (("feature", 1, "Feature", True),),
    "Features": (("feature", 1, "map:Feature", True),),
    "FeatureLists": (("feature_list", 1, "map:FeatureList", True),),
    "Example": (("features", 1, "Features", False), ("feature_lists", 2, "FeatureLists", False)),
}


def parse(record: bytes) -> Any | None:
    """Parse a record.

    Returns:
        A message with `features.feature` and `feature_lists.feature_list`; None if it can't be parsed.
    """
    try:
        return _example_class().FromString(record)
    except message.DecodeError:
        return None


@functools.cache
def _example_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="tfx_contrastive/example.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        if name == "Feature":
            described.oneof_decl.add(name="kind")
        for field in fields:
            _add_field(described, *field)
            if name == "Feature":
                described.field[-1].oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    example = pool.FindMessageTypeByName(f"{_PACKAGE}.Example")
    if hasattr(message_factory, "GetMessageClass"):  # protobuf 4.22 and later
        return message_factory.GetMessageClass(example)
    return message_factory.MessageFactory(pool).GetPrototype(example)


def _add_field(described: Any, name: str, number: int, kind: Any, repeated: bool) -> None:
    label = _TYPES.LABEL_REPEATED if repeated else _TYPES.LABEL_OPTIONAL
    if not isinstance(kind, str):
        described.field.add(name=name, number=number, type=kind, label=label)
        return
    type_name = f".{_PACKAGE}.{kind}"
    if kind.startswith("map:"):  # a map is a repeated message of key and value
        entry_name = f"{name.title().replace('_', '')}Entry"
        entry = described.nested_type.add(name=entry_name)
        entry.options.map_entry = True
        _add_field(entry, "key", 1, _TYPES.TYPE_STRING, False)
        _add_field(entry, "value", 2, kind.removeprefix("map:"), False)
        type_name = f".{_PACKAGE}.{described.name}.{entry_name}"
    described.field.add(name=name, number=number, type=_TYPES.TYPE_MESSAGE, label=label, type_name=type_name)

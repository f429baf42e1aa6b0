"""The framing of TFRecord files, byte by byte, and Examples as messages."""

import gzip
import itertools
import pathlib
import struct
import zlib

import google_crc32c
import hypothesis.strategies as st
import pytest
import tensorflow as tf
from hypothesis import given, settings

from tfx_contrastive.components.examples import tfrecords
from tfx_contrastive.contract.errors import DataError


def masked(data: bytes) -> bytes:
    """The checksum as the format defines it: rotated right by 15 bits, plus a constant."""
    checksum = google_crc32c.value(data)
    return struct.pack("<I", (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def framed(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + masked(length) + data + masked(data)


RECORDS = [b"", b"one", b"two" * 1000]
FILE = b"".join(map(framed, RECORDS))


def written(tmp_path: pathlib.Path, content: bytes) -> str:
    (tmp_path / "a").write_bytes(content)
    return str(tmp_path / "a")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zlib.compress], ids=["plain", "gzip", "zlib"])
def test_records_are_read_whatever_the_compression(tmp_path: pathlib.Path, pack: object) -> None:
    assert callable(pack)
    assert list(tfrecords.read(written(tmp_path, pack(FILE)))) == RECORDS


def test_records_are_found_by_position(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, FILE)
    offsets, is_all = tfrecords.offsets(path, 100)
    assert (offsets, is_all) == ([0, 16, 35], True)
    assert tfrecords.offsets(path, 2) == ([0, 16], False)
    assert list(tfrecords.read_at(path, reversed(offsets))) == RECORDS[::-1]
    assert list(tfrecords.read_unchecked(path)) == RECORDS


def test_a_compressed_file_has_no_positions(tmp_path: pathlib.Path) -> None:
    assert tfrecords.offsets(written(tmp_path, gzip.compress(FILE)), 100) == ([], False)


def test_an_empty_file_has_no_records(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, b"")
    assert list(tfrecords.read(path)) == []
    assert tfrecords.offsets(path, 100) == ([], True)
    assert tfrecords.other_format(path) is None


@pytest.mark.parametrize(
    ("content", "num_records", "told"),
    [
        (FILE[:-1], 2, "damaged behind 2 whole records: record 2 ends within this record"),
        (FILE[:20], 1, "damaged behind 1 whole records: record 1 has no length that its checksum fits"),
        (FILE + b"x", 3, "record 3 has no length that its checksum fits"),
        (FILE[:28] + b"X" + FILE[29:], 1, "record 1 has other data than its checksum says"),
        (framed(b"one")[:7], 0, "record 0 ends after 7 bytes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), 0, "which is a PNG image; expected TFRecord files"),
        (b"\x01" * 20, 0, "no TFRecord file: it starts with 0101"),
        (gzip.compress(FILE)[:-10], 0, "can't be read on"),
    ],
)
def test_damage_is_told_after_the_records_before_it(
    tmp_path: pathlib.Path, content: bytes, num_records: int, told: str
) -> None:
    reader = tfrecords.read(written(tmp_path, content))
    assert list(itertools.islice(reader, num_records)) == RECORDS[:num_records]
    with pytest.raises(DataError, match=told):
        next(reader)


def test_a_length_beyond_any_message_is_not_allocated(tmp_path: pathlib.Path) -> None:
    length = struct.pack("<Q", 2**40)
    with pytest.raises(DataError, match="claims 1,099,511,627,776 bytes"):
        list(tfrecords.read(written(tmp_path, length + masked(length))))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (FILE, None),
        (gzip.compress(FILE), None),
        (b'{"a": 1}', "JSON"),
        (b"PAR1" + bytes(20), "a Parquet file"),
        (bytes([0xF0]) * 30, None),  # unknown, may be a damaged one
    ],
)
def test_files_of_another_format_are_named(tmp_path: pathlib.Path, content: bytes, name: str | None) -> None:
    assert tfrecords.other_format(written(tmp_path, content)) == name


@settings(deadline=None, max_examples=25)
@given(st.binary(max_size=40))
def test_a_header_is_a_length_with_its_checksum(data: bytes) -> None:
    assert tfrecords.is_header(framed(data)[:12])
    assert not tfrecords.is_header(framed(data)[:11])


@settings(deadline=None, max_examples=25)
@given(
    st.dictionaries(
        st.text("ab/é", max_size=5),
        st.one_of(
            st.lists(st.binary(max_size=5), max_size=3),
            st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
        ),
        max_size=4,
    )
)
def test_examples_are_parsed_as_tensorflow_writes_them(values: dict[str, list[bytes] | list[int]]) -> None:
    example = tf.train.Example()
    for key, items in values.items():
        feature = example.features.feature[key]
        if items and isinstance(items[0], bytes):
            feature.bytes_list.value.extend(items)
        elif items:
            feature.int64_list.value.extend(items)
    parsed = tfrecords.parse(example.SerializeToString())
    assert parsed is not None
    found = parsed.features.feature
    assert set(found) == set(values)
    for key, items in values.items():
        kind = found[key].WhichOneof("kind")
        assert (list(getattr(found[key], kind).value) if kind else []) == items


def test_what_is_no_example_is_none() -> None:
    assert tfrecords.parse(b"\xff\xff\xff\xff") is None
    empty = tfrecords.parse(b"")
    assert empty is not None
    assert len(empty.features.feature) == 0

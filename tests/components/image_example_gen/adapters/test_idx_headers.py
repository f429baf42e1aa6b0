"""Headers of IDX files: what they state, what they can't, and what is no such file."""

import gzip
import io
import pathlib
import struct
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from tfx_contrastive.components.image_example_gen.adapters import idx
from tfx_contrastive.components.image_example_gen.config import IdxSource
from tfx_contrastive.contract.errors import DataError


def header(*shape: int, kind: int = 8) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, kind, len(shape), *shape)


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), max_size=255), st.binary(max_size=9))
def test_a_header_gives_its_shape_and_where_the_values_begin(shape: list[int], values: bytes) -> None:
    file = io.BytesIO(header(*shape) + values)
    assert idx.read_header(file, "a") == (tuple(shape), 4 + 4 * len(shape))
    assert file.read() == values


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "which is an empty file"),
        (b"\0\0", "which starts with 0000"),
        (header(3, kind=0x0D), "which starts with 00000d01"),  # floats
        (header(3, kind=0x09), "which starts with 00000901"),  # signed bytes
        (b"PAR1" + bytes(9), "which is a Parquet file"),
        (b"\x89PNG" + bytes(9), "which is a PNG image"),
        (b"\xde\xad\xbe\xef", "which starts with deadbeef"),
    ],
)
def test_another_file_is_named(data: bytes, told: str) -> None:
    with pytest.raises(DataError) as caught:
        idx.read_header(io.BytesIO(data), "train-images")
    assert str(caught.value) == (
        f"Received train-images, {told}; expected the header of an IDX file of unsigned bytes (000008..)."
    )


@settings(deadline=None)
@given(st.integers(1, 255), st.data())
def test_a_cut_header_is_told(num_axes: int, data: st.DataObject) -> None:
    whole = header(*range(num_axes))
    cut = whole[: data.draw(st.integers(4, len(whole) - 1))]
    with pytest.raises(DataError, match="^Received a, which ends within its header; get it again.$"):
        idx.read_header(io.BytesIO(cut), "a")


def adapter(folder: pathlib.Path, data: bytes) -> idx.IdxAdapter:
    (folder / "train-images-idx3-ubyte").write_bytes(data)
    return idx.IdxAdapter(IdxSource(path=str(folder)), 2**20)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (header(2**32 - 1, 2, 2), r"states 4,294,967,295 images \(17,179,869,196 bytes\): the file is trunc"),
        (header(3, 2, 2) + bytes(11), r"of 27 bytes, whose header states 3 images \(28 bytes\)"),
        (gzip.compress(header(2**32 - 1, 2, 2) + bytes(12)), "states 4,294,967,295 images"),
        (header(), r"images train-images-idx3-ubyte of shape \(\); expected \(images, height, width\)"),
        (header(9), r"of shape \(9,\); expected \(images"),
        (header(1, 0, 5), r"of shape \(1, 0, 5\); expected \(images"),
    ],
)
def test_what_a_header_states_is_checked_before_anything_of_that_size_is_made(
    tmp_path: pathlib.Path, data: bytes, told: str
) -> None:
    for work in (adapter(tmp_path, data).listing, lambda: adapter(tmp_path, data).chunks(str(tmp_path), 10)):
        with pytest.raises(DataError, match=told):
            work()


@pytest.mark.parametrize("pack", [bytes, lambda data: gzip.compress(data, mtime=0)])
def test_blank_images_are_whole_however_well_they_pack(tmp_path: pathlib.Path, pack: Any) -> None:
    listing = adapter(tmp_path, pack(header(2000, 20, 20) + bytes(800_000))).listing()
    assert listing.unlabeled == {"train": 2000}


def test_an_empty_set_has_no_image(tmp_path: pathlib.Path) -> None:
    assert adapter(tmp_path, header(0, 2, 2)).listing().unlabeled == {}
    assert adapter(tmp_path, header(0, 2, 2)).chunks(str(tmp_path), 10) == []


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (header(2) + b"\0\1", "with 2 labels for 3 images"),
        (header(3) + b"\0\1", "with 2 labels for 3 images"),
        (header(3, 1) + b"\0\1\2", "with 3 labels for 3 images"),
        (header(2**32 - 1) + b"\0\1\2", "with 3 labels for 3 images"),
    ],
)
def test_labels_of_another_number_or_shape_are_refused(
    tmp_path: pathlib.Path, labels: bytes, told: str
) -> None:
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(labels)
    with pytest.raises(DataError, match=f"Received train-labels-idx1-ubyte {told}; expected one for each"):
        adapter(tmp_path, header(3, 2, 2) + bytes(12)).listing()

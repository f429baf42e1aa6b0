"""TFRecord files are read without TensorFlow: compression, other formats, damage."""

import gzip
import pathlib
import subprocess
import sys
import zlib
from typing import Any

import pytest

from tests.components.image_example_gen.adapters.test_tfrecord import config, images
from tests.components.image_example_gen.support import example, png, write_records
from tfx_contrastive.components.image_example_gen import DataError, inspect_source


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
def test_compression_is_told_by_the_content(tmp_path: pathlib.Path, compression: Any) -> None:
    records = [example(image=png(i), label=str(i % 2)) for i in range(300)]
    write_records(tmp_path / "x", records, compression)
    ingest = config(tmp_path / "x")
    assert inspect_source(ingest).labels == {"": {"0": 150, "1": 150}}
    assert [image.data for image in images(ingest)] == [png(i) for i in range(300)]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b'{"path": "a.png"}\n', "JSON"),
        (gzip.compress(b'{"path": "a.png"}\n', mtime=0), "JSON"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"Obj\x01\x04\x16avro.schema", "an Avro file"),
        (b"\x28\xb5\x2f\xfd\x24\x00", "Zstandard"),
        (b"\xff\x06\x00\x00sNaPpY", "Snappy"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image"),
        (b"path,label\na.png,x\n", "text"),
        (bytes(2000), "a file of zeros"),
        (b"\x01\x02\x03\x04" * 40, "no TFRecord file: it starts with 01020304"),
    ],
)
def test_another_format_is_named(tmp_path: pathlib.Path, content: Any, name: str) -> None:
    (tmp_path / "x.tfrecord").write_bytes(content)
    with pytest.raises(DataError) as caught:
        inspect_source(config(tmp_path / "x.tfrecord"))
    assert name in str(caught.value)
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("damage", ["cut", "cut header", "changed", "cut gzip", "changed gzip"])
def test_damage_is_told_with_the_record(tmp_path: pathlib.Path, damage: Any) -> None:
    path = tmp_path / "x"
    write_records(path, [example(image=png(i), label="a") for i in range(5)])
    data = bytearray(path.read_bytes())
    one = len(data) // 5
    if damage.endswith("gzip"):
        data = bytearray(gzip.compress(data, mtime=0))
    if damage.startswith("cut"):
        data = data[: 3 * one + 5 if damage == "cut header" else -20]
    else:
        data[-one // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError, match="which is damaged behind [0-4] whole records: record [0-4] "):
        inspect_source(config(path))


def test_zlib_that_ends_early(tmp_path: pathlib.Path) -> None:
    write_records(tmp_path / "y", [example(image=png(i), label="a") for i in range(5)])
    (tmp_path / "x").write_bytes(zlib.compress((tmp_path / "y").read_bytes())[:-50])
    with pytest.raises(DataError, match="end too early|ends within this record"):
        inspect_source(config(tmp_path / "x"))


def test_reading_needs_no_tensorflow(tmp_path: pathlib.Path) -> None:
    write_records(tmp_path / "x", [example(image=png(i), label=i) for i in range(2)])
    script = (
        "import sys\n"
        "from tfx_contrastive.components.image_example_gen import IngestConfig, inspect_source\n"
        f"source = {{'kind': 'tfrecord', 'path': {str(tmp_path / 'x')!r}}}\n"
        "print(inspect_source(IngestConfig(source=source)).num_images, 'tensorflow' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "2 False\n"

"""The fingerprint of a source: content decides, and what nobody has touched is not read again."""

import gzip
import os
import pathlib
import shutil
import threading
import time
import zipfile
from typing import Any

import numpy as np
import pytest

from tests.components.image_example_gen.support import encoded, picture, write
from tfx_contrastive.components.image_example_gen import (
    IngestConfig,
    fingerprint,
    fingerprints,
    inspect_source,
)
from tfx_contrastive.components.image_example_gen.fingerprints import FILE_NAME
from tfx_contrastive.components.image_example_gen.records import Content
from tfx_contrastive.contract import file_info

LONG_AGO = (1_700_000_000, 1_700_000_000)


def write_folder(root: Any) -> Any:
    """BMPs of one size and one time, as an archive with fixed times leaves them."""
    for c, name in enumerate(("circle", "square")):
        for i in range(3):
            write(root / name / f"{i}.bmp", encoded(picture(10 * c + i), "BMP"))
            os.utime(root / name / f"{i}.bmp", LONG_AGO)
    return {"kind": "image_folder", "path": str(root)}


def write_manifest(root: Any) -> Any:
    write_folder(root)
    rows = [f"{name}/{i}.bmp,{name}" for name in ("circle", "square") for i in range(3)]
    (root / "list.csv").write_text("\n".join(["path,label", *rows]))
    return {"kind": "csv_manifest", "path": str(root / "list.csv")}


def print_of(source: Any, root: Any = None, **options: Any) -> Any:
    """The fingerprint, as a run with this root takes it."""
    ingest = IngestConfig(source=source)
    return fingerprint(inspect_source(ingest).content, root and str(root / FILE_NAME), **options)


def swap(a: Any, b: Any) -> None:
    a.rename(a.with_name("t"))
    b.rename(a)
    a.with_name("t").rename(b)


@pytest.mark.parametrize("write_source", [write_folder, write_manifest])
def test_two_images_that_change_places_are_seen(
    tmp_path: pathlib.Path, settled: Any, reads: Any, write_source: Any
) -> None:
    data = tmp_path / "data"
    source = write_source(data)
    before = print_of(source, tmp_path)
    swap(data / "circle" / "0.bmp", data / "square" / "0.bmp")
    assert (data / "circle" / "0.bmp").stat().st_mtime == LONG_AGO[0]
    reads.clear()
    assert print_of(source, tmp_path) != before
    assert sorted(os.path.relpath(path, data) for path in reads) == ["circle/0.bmp", "square/0.bmp"]
    swap(data / "circle" / "0.bmp", data / "square" / "0.bmp")
    assert print_of(source, tmp_path) == before


def test_two_hard_links_that_change_places_are_seen(tmp_path: pathlib.Path, settled: Any) -> None:
    source = write_folder(tmp_path / "originals")
    for path in sorted((tmp_path / "originals").rglob("*.bmp")):
        link = tmp_path / "data" / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, link)
    source["path"] = str(tmp_path / "data")
    before = print_of(source, tmp_path)
    swap(tmp_path / "data" / "circle" / "0.bmp", tmp_path / "data" / "square" / "0.bmp")
    assert print_of(source, tmp_path) != before


def test_a_byte_that_is_changed_in_place_is_seen_though_size_and_time_stay(
    tmp_path: pathlib.Path, settled: Any
) -> None:
    source = write_folder(tmp_path / "data")
    before = print_of(source, tmp_path)
    path = tmp_path / "data" / "circle" / "1.bmp"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, LONG_AGO)
    assert print_of(source, tmp_path) != before


def test_a_link_that_leads_elsewhere_is_seen(tmp_path: pathlib.Path, settled: Any) -> None:
    source = write_folder(tmp_path / "data")
    link = tmp_path / "data" / "circle" / "link.bmp"
    link.symlink_to("0.bmp")
    before = print_of(source, tmp_path)
    link.unlink()
    link.symlink_to("1.bmp")
    assert print_of(source, tmp_path) != before


def test_files_that_come_go_or_move_are_seen(tmp_path: pathlib.Path, settled: Any) -> None:
    data = tmp_path / "data"
    source = write_folder(data)
    prints = [print_of(source, tmp_path)]
    shutil.copy2(data / "circle" / "0.bmp", data / "circle" / "3.bmp")
    prints.append(print_of(source, tmp_path))
    (data / "circle" / "3.bmp").rename(data / "square" / "3.bmp")
    prints.append(print_of(source, tmp_path))
    (data / "circle" / "0.bmp").unlink()
    prints.append(print_of(source, tmp_path))
    assert len(set(prints)) == 4


def write_zip(root: Any) -> Any:
    root.mkdir()
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        for name in ("circle", "square"):
            archive.writestr(f"{name}/0.png", b"1234")
    return {"kind": "archive", "path": str(root / "a.zip")}, root / "a.zip"


def write_idx(root: Any) -> Any:
    root.mkdir()
    for name, values in (("images-idx3", np.arange(32).reshape(2, 4, 4)), ("labels-idx1", np.arange(2))):
        header = bytes([0, 0, 8, values.ndim, *b"".join(n.to_bytes(4, "big") for n in values.shape)])
        (root / f"train-{name}-ubyte.gz").write_bytes(
            gzip.compress(header + values.astype(np.uint8).tobytes(), compresslevel=0, mtime=0)
        )
    return {"kind": "idx", "path": str(root)}, root / "train-images-idx3-ubyte.gz"


def write_npz(root: Any) -> Any:
    root.mkdir()
    np.savez(root / "a.npz", images=np.zeros((2, 4, 4), np.uint8), labels=np.arange(2))
    return {"kind": "npz", "path": str(root / "a.npz")}, root / "a.npz"


def write_tfrecord(root: Any) -> Any:
    import tensorflow as tf

    root.mkdir()
    with tf.io.TFRecordWriter(str(root / "a.tfrecord")) as writer:
        for label in (0, 1):
            example = tf.train.Example()
            example.features.feature["image"].bytes_list.value.append(encoded(picture(label)))
            example.features.feature["label"].int64_list.value.append(label)
            writer.write(example.SerializeToString())
    return {"kind": "tfrecord", "path": str(root / "a.tfrecord")}, root / "a.tfrecord"


@pytest.mark.parametrize("write_source", [write_zip, write_idx, write_npz, write_tfrecord])
def test_a_file_of_many_images_is_known_by_its_content(
    tmp_path: pathlib.Path, settled: Any, reads: Any, write_source: Any
) -> None:
    source, path = write_source(tmp_path / "data")
    before, size = print_of(source, tmp_path), path.stat().st_size
    reads.clear()
    assert print_of(source, tmp_path) == before
    assert not reads
    found = inspect_source(IngestConfig(source=source)).content
    # Another file of this size and time takes its place. It need not be readable: only its bytes count.
    os.utime(path, LONG_AGO)
    before = fingerprint(found, str(tmp_path / FILE_NAME))
    data = path.read_bytes()
    replacement = path.with_name("replacement")
    replacement.write_bytes(data[: size // 2] + bytes([data[size // 2] ^ 1]) + data[size // 2 + 1 :])
    os.utime(replacement, LONG_AGO)
    replacement.replace(path)
    assert path.stat().st_size == size
    info = file_info.stat(str(path))
    assert info is not None
    changed = [info if each.path == info.path else each for each in found.files]
    assert fingerprint(type(found)(tuple(changed), found.more), str(tmp_path / FILE_NAME)) != before


def test_new_times_and_another_place_are_no_change(tmp_path: pathlib.Path, settled: Any, reads: Any) -> None:
    source = write_folder(tmp_path / "data")
    before = print_of(source, tmp_path)
    reads.clear()
    assert print_of(source, tmp_path) == before
    assert not reads
    (tmp_path / "data" / "circle" / "0.bmp").touch()
    assert print_of(source, tmp_path) == before
    assert len(reads) == 1
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    shutil.copytree(tmp_path / "elsewhere", tmp_path / "copy")
    for name in ("elsewhere", "copy"):
        assert print_of({"kind": "image_folder", "path": str(tmp_path / name)}, tmp_path) == before


def test_reading_all_finds_what_a_file_system_hides(
    tmp_path: pathlib.Path, settled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_info, "local_version", lambda _: "always the same")
    source = write_folder(tmp_path / "data")
    before = print_of(source, tmp_path)
    swap(tmp_path / "data" / "circle" / "0.bmp", tmp_path / "data" / "square" / "0.bmp")
    assert print_of(source, tmp_path) == before
    assert print_of(source, tmp_path, read_all=True) != before


def test_files_that_change_while_a_run_reads_them_are_named(tmp_path: pathlib.Path) -> None:
    data = tmp_path / "data"
    found = inspect_source(IngestConfig(source=write_folder(data))).content
    assert fingerprints.changed_since(found) == []
    swap(data / "circle" / "0.bmp", data / "square" / "0.bmp")
    (data / "square" / "2.bmp").unlink()
    assert fingerprints.changed_since(found) == ["circle/0.bmp", "square/0.bmp", "square/2.bmp"]


def test_a_named_pipe_and_a_missing_file_stop_nothing(tmp_path: pathlib.Path) -> None:
    source = write_folder(tmp_path / "data")
    found = inspect_source(IngestConfig(source=source)).content
    before = fingerprint(found)
    (tmp_path / "data" / "circle" / "0.bmp").unlink()
    os.mkfifo(tmp_path / "data" / "circle" / "1.bmp.pipe")
    started = time.monotonic()
    assert len({before, fingerprint(found), print_of(source)}) == 3
    assert time.monotonic() - started < 10


def test_ctrl_c_ends_reading_in_the_middle_of_a_file(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.zip"
    path.write_bytes(bytes(100_000))
    monkeypatch.setattr(fingerprints, "_BLOCK", 1)  # 100,000 blocks
    hashed, blocks = fingerprints._hashed, []

    class Counted:
        def __init__(self, file: Any) -> None:
            self._file = file

        def read(self, size: Any) -> Any:
            blocks.append(size)
            return self._file.read(size)

    monkeypatch.setattr(fingerprints, "_hashed", lambda file, *rest: hashed(Counted(file), *rest))

    def interrupted() -> None:
        with fingerprints._Readers() as readers:
            threading.Thread(target=readers.read, args=[[str(path)]], daemon=True).start()
            while not blocks:
                time.sleep(0.001)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(blocks) < 100_000


def test_an_object_store_without_checksums_is_read_every_time(tmp_path: pathlib.Path, reads: Any) -> None:
    import fsspec

    bucket = fsspec.filesystem("memory")
    source = {"kind": "image_folder", "path": "memory://counted"}
    for name in ("a/0.png", "b/0.png"):
        bucket.pipe(f"/counted/{name}", b"1234")
    before = print_of(source, tmp_path)
    bucket.pipe("/counted/a/0.png", b"1235")
    assert print_of(source, tmp_path) != before
    bucket.pipe("/counted/a/0.png", b"1234")
    assert print_of(source, tmp_path) == before
    assert len(reads) == 6


@pytest.mark.parametrize(
    ("tags", "checksum"),
    [
        ({"ETag": '"5d41"', "LastModified": "2024"}, '"5d41"'),
        ({"md5Hash": "XUFA==", "etag": "CJ", "mtime": 1}, "XUFA=="),
        ({"ETag": 'W/"5d41"'}, ""),
        ({"created": 1.0, "mtime": 2.0}, ""),
    ],
)
def test_the_checksum_of_an_object_store_stands_for_the_content(tags: Any, checksum: Any, reads: Any) -> None:
    info = file_info.fsspec_info("s3://bucket/a.png", "a.png", {"size": 4, **tags})
    assert info.checksum == checksum
    found = Content((info,))
    if checksum:
        before = fingerprint(found)
        other = file_info.fsspec_info("s3://bucket/a.png", "a.png", {"size": 4, "ETag": '"7d79"'})
        assert (fingerprint(Content((other,))) != before, reads) == (True, [])

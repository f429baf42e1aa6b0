"""The fingerprint of a source: content decides, and what nobody has touched is not read again."""

import gzip
import os
import shutil
import sqlite3
import threading
import time
import zipfile

import numpy as np
import pytest

from tests.components.image_example_gen.support import encoded, picture, write
from tfx_contrastive.components.image_example_gen import (
    IngestConfig,
    fingerprint,
    fingerprints,
    inspect_source,
)
from tfx_contrastive.components.image_example_gen.fingerprints import FILE_NAME, DigestStore

LONG_AGO = (1_700_000_000, 1_700_000_000)


def write_folder(root):
    """BMPs of one size and one time, as an archive with fixed times leaves them."""
    for c, name in enumerate(("circle", "square")):
        for i in range(3):
            write(root / name / f"{i}.bmp", encoded(picture(10 * c + i), "BMP"))
            os.utime(root / name / f"{i}.bmp", LONG_AGO)
    return {"kind": "image_folder", "path": str(root)}


def write_manifest(root):
    write_folder(root)
    rows = [f"{name}/{i}.bmp,{name}" for name in ("circle", "square") for i in range(3)]
    (root / "list.csv").write_text("\n".join(["path,label", *rows]))
    return {"kind": "csv_manifest", "path": str(root / "list.csv")}


def print_of(source, root=None, **options):
    """The fingerprint, as a run with this root takes it."""
    ingest = IngestConfig(source=source)
    return fingerprint(inspect_source(ingest).content, root and str(root / FILE_NAME), **options)


def swap(a, b):
    a.rename(a.with_name("t"))
    b.rename(a)
    a.with_name("t").rename(b)


@pytest.fixture
def settled(monkeypatch):
    """Files that were written a moment ago count as settled."""
    monkeypatch.setattr(fingerprints, "_UNSETTLED_NS", 0)


@pytest.fixture
def reads(monkeypatch):
    """The paths that are read, in any order."""
    paths, lock, read = [], threading.Lock(), fingerprints._read

    def noted(path, stop):
        with lock:
            paths.append(path)
        return read(path, stop)

    monkeypatch.setattr(fingerprints, "_read", noted)
    return paths


@pytest.mark.parametrize("write_source", [write_folder, write_manifest])
def test_two_images_that_change_places_are_seen(tmp_path, settled, reads, write_source):
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


def test_two_hard_links_that_change_places_are_seen(tmp_path, settled):
    source = write_folder(tmp_path / "originals")
    for path in sorted((tmp_path / "originals").rglob("*.bmp")):
        link = tmp_path / "data" / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, link)
    source["path"] = str(tmp_path / "data")
    before = print_of(source, tmp_path)
    swap(tmp_path / "data" / "circle" / "0.bmp", tmp_path / "data" / "square" / "0.bmp")
    assert print_of(source, tmp_path) != before


def test_a_byte_that_is_changed_in_place_is_seen_though_size_and_time_stay(tmp_path, settled):
    source = write_folder(tmp_path / "data")
    before = print_of(source, tmp_path)
    path = tmp_path / "data" / "circle" / "1.bmp"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, LONG_AGO)
    assert print_of(source, tmp_path) != before


def test_a_link_that_leads_elsewhere_is_seen(tmp_path, settled):
    source = write_folder(tmp_path / "data")
    link = tmp_path / "data" / "circle" / "link.bmp"
    link.symlink_to("0.bmp")
    before = print_of(source, tmp_path)
    link.unlink()
    link.symlink_to("1.bmp")
    assert print_of(source, tmp_path) != before


def test_files_that_come_go_or_move_are_seen(tmp_path, settled):
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


def write_zip(root):
    root.mkdir()
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        for name in ("circle", "square"):
            archive.writestr(f"{name}/0.png", b"1234")
    return {"kind": "archive", "path": str(root / "a.zip")}, root / "a.zip"


def write_idx(root):
    root.mkdir()
    for name, values in (("images-idx3", np.arange(32).reshape(2, 4, 4)), ("labels-idx1", np.arange(2))):
        header = bytes([0, 0, 8, values.ndim, *b"".join(n.to_bytes(4, "big") for n in values.shape)])
        (root / f"train-{name}-ubyte.gz").write_bytes(
            gzip.compress(header + values.astype(np.uint8).tobytes(), compresslevel=0, mtime=0)
        )
    return {"kind": "idx", "path": str(root)}, root / "train-images-idx3-ubyte.gz"


def write_npz(root):
    root.mkdir()
    np.savez(root / "a.npz", images=np.zeros((2, 4, 4), np.uint8), labels=np.arange(2))
    return {"kind": "npz", "path": str(root / "a.npz")}, root / "a.npz"


def write_tfrecord(root):
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
def test_a_file_of_many_images_is_known_by_its_content(tmp_path, settled, reads, write_source):
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
    info = fingerprints.files.stat(str(path))
    changed = [info if each.path == info.path else each for each in found.files]
    assert fingerprint(type(found)(tuple(changed), found.more), str(tmp_path / FILE_NAME)) != before


def test_new_times_and_another_place_are_no_change(tmp_path, settled, reads):
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


def test_reading_all_finds_what_a_file_system_hides(tmp_path, settled, monkeypatch):
    monkeypatch.setattr(fingerprints.files, "local_version", lambda _: "always the same")
    source = write_folder(tmp_path / "data")
    before = print_of(source, tmp_path)
    swap(tmp_path / "data" / "circle" / "0.bmp", tmp_path / "data" / "square" / "0.bmp")
    assert print_of(source, tmp_path) == before
    assert print_of(source, tmp_path, read_all=True) != before


def test_what_was_written_a_moment_ago_is_read_again(tmp_path, reads):
    source = write_folder(tmp_path / "data")
    print_of(source, tmp_path)
    reads.clear()
    print_of(source, tmp_path)
    assert len(reads) == 6


def test_a_file_that_is_being_written_is_not_remembered(tmp_path, settled, reads, monkeypatch):
    source = write_folder(tmp_path / "data")
    busy = tmp_path / "data" / "circle" / "0.bmp"
    fstat, ticks = os.fstat, iter(range(1, 100))

    def fstat_of_a_growing_file(descriptor):
        if os.path.samestat(fstat(descriptor), busy.stat()):
            os.utime(busy, ns=(0, next(ticks)))
        return fstat(descriptor)

    monkeypatch.setattr(fingerprints.os, "fstat", fstat_of_a_growing_file)
    print_of(source, tmp_path)
    reads.clear()
    print_of(source, tmp_path)
    assert reads == [str(busy)]


def test_files_that_change_while_a_run_reads_them_are_named(tmp_path):
    data = tmp_path / "data"
    found = inspect_source(IngestConfig(source=write_folder(data))).content
    assert fingerprints.changed_since(found) == []
    swap(data / "circle" / "0.bmp", data / "square" / "0.bmp")
    (data / "square" / "2.bmp").unlink()
    assert fingerprints.changed_since(found) == ["circle/0.bmp", "square/0.bmp", "square/2.bmp"]


def test_a_named_pipe_and_a_missing_file_stop_nothing(tmp_path):
    source = write_folder(tmp_path / "data")
    found = inspect_source(IngestConfig(source=source)).content
    before = fingerprint(found)
    (tmp_path / "data" / "circle" / "0.bmp").unlink()
    os.mkfifo(tmp_path / "data" / "circle" / "1.bmp.pipe")
    started = time.monotonic()
    assert len({before, fingerprint(found), print_of(source)}) == 3
    assert time.monotonic() - started < 10


def test_ctrl_c_ends_reading_in_the_middle_of_a_file(tmp_path, monkeypatch):
    path = tmp_path / "large.zip"
    path.write_bytes(bytes(100_000))
    monkeypatch.setattr(fingerprints, "_BLOCK", 1)  # 100,000 blocks
    hashed, blocks = fingerprints._hashed, []

    class Counted:
        def __init__(self, file):
            self._file = file

        def read(self, size):
            blocks.append(size)
            return self._file.read(size)

    monkeypatch.setattr(fingerprints, "_hashed", lambda file, *rest: hashed(Counted(file), *rest))

    def interrupted():
        with fingerprints._Readers() as readers:
            threading.Thread(target=readers.read, args=[[str(path)]], daemon=True).start()
            while not blocks:
                time.sleep(0.001)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(blocks) < 100_000


def test_a_damaged_store_is_made_anew(tmp_path, settled, reads, caplog):
    source = write_folder(tmp_path / "data")
    (tmp_path / FILE_NAME).write_bytes(b"no database at all " * 100)
    before = print_of(source, tmp_path)
    reads.clear()
    assert (print_of(source, tmp_path), reads, caplog.records) == (before, [], [])


def test_where_nothing_can_be_kept_there_is_one_warning(tmp_path, reads, caplog):
    source = write_folder(tmp_path / "data")
    for _ in range(2):
        caplog.clear()
        print_of(source, tmp_path / "no such directory")
        (warning,) = caplog.records
        assert "every file of the data is read" in warning.getMessage()
    assert len(reads) == 12


def test_a_store_that_fails_later_is_given_up(tmp_path, settled, caplog):
    source = write_folder(tmp_path / "data")
    found = inspect_source(IngestConfig(source=source)).content
    store = DigestStore(str(tmp_path / FILE_NAME))
    with sqlite3.connect(tmp_path / FILE_NAME) as other:
        other.execute("DROP TABLE digests")
    store.remember([("a", "1", "x")])
    assert store.known(found.files) == {}
    assert len(caplog.records) == 1
    store.close()


def test_names_that_are_no_text_are_remembered(tmp_path, settled, reads):
    folder = os.fsencode(tmp_path / "data") + b"/gr\xf6\xdfe"
    source = write_folder(tmp_path / "data")
    os.mkdir(folder)
    shutil.copy(tmp_path / "data" / "circle" / "0.bmp", folder + b"/0.bmp")
    before = print_of(source, tmp_path)
    reads.clear()
    assert (print_of(source, tmp_path), reads) == (before, [])


def test_an_object_store_without_checksums_is_read_every_time(tmp_path, reads):
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
def test_the_checksum_of_an_object_store_stands_for_the_content(tags, checksum, reads):
    info = fingerprints.files._fsspec_info("s3://bucket/a.png", "a.png", {"size": 4, **tags})
    assert info.checksum == checksum
    found = fingerprints.Content((info,))
    if checksum:
        before = fingerprint(found)
        other = fingerprints.files._fsspec_info("s3://bucket/a.png", "a.png", {"size": 4, "ETag": '"7d79"'})
        assert (fingerprint(fingerprints.Content((other,))) != before, reads) == (True, [])

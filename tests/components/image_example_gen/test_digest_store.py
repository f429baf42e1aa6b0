"""The store of digests: files that nobody touched are not read again."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
from typing import Any

import pytest

from tests.components.image_example_gen.test_fingerprints import print_of, write_folder
from tfx_contrastive.components.image_example_gen import (
    IngestConfig,
    inspect_source,
)
from tfx_contrastive.components.image_example_gen.fingerprints import FILE_NAME, DigestStore


def test_what_was_written_a_moment_ago_is_read_again(tmp_path: pathlib.Path, reads: Any) -> None:
    source = write_folder(tmp_path / "data")
    print_of(source, tmp_path)
    reads.clear()
    print_of(source, tmp_path)
    assert len(reads) == 6


def test_a_file_that_is_being_written_is_not_remembered(
    tmp_path: pathlib.Path, settled: Any, reads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_folder(tmp_path / "data")
    busy = tmp_path / "data" / "circle" / "0.bmp"
    fstat, ticks = os.fstat, iter(range(1, 100))

    def fstat_of_a_growing_file(descriptor: Any) -> Any:
        if os.path.samestat(fstat(descriptor), busy.stat()):
            os.utime(busy, ns=(0, next(ticks)))
        return fstat(descriptor)

    monkeypatch.setattr(os, "fstat", fstat_of_a_growing_file)
    print_of(source, tmp_path)
    reads.clear()
    print_of(source, tmp_path)
    assert reads == [str(busy)]


def test_a_damaged_store_is_made_anew(
    tmp_path: pathlib.Path, settled: Any, reads: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_folder(tmp_path / "data")
    (tmp_path / FILE_NAME).write_bytes(b"no database at all " * 100)
    before = print_of(source, tmp_path)
    reads.clear()
    assert (print_of(source, tmp_path), reads, caplog.records) == (before, [], [])


def test_where_nothing_can_be_kept_there_is_one_warning(
    tmp_path: pathlib.Path, reads: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_folder(tmp_path / "data")
    for _ in range(2):
        caplog.clear()
        print_of(source, tmp_path / "no such directory")
        (warning,) = caplog.records
        assert "every file of the data is read" in warning.getMessage()
    assert len(reads) == 12


def test_a_store_that_fails_later_is_given_up(
    tmp_path: pathlib.Path, settled: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = write_folder(tmp_path / "data")
    found = inspect_source(IngestConfig(source=source)).content
    store = DigestStore(str(tmp_path / FILE_NAME))
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as other, other:
        other.execute("DROP TABLE digests")
    store.remember([("a", "1", "x")])
    assert store.known(found.files) == {}
    assert len(caplog.records) == 1
    store.close()


def test_names_that_are_no_text_are_remembered(tmp_path: pathlib.Path, settled: Any, reads: Any) -> None:
    folder = os.fsencode(tmp_path / "data") + b"/gr\xf6\xdfe"
    source = write_folder(tmp_path / "data")
    os.mkdir(folder)
    shutil.copy(os.fsencode(tmp_path / "data" / "circle" / "0.bmp"), folder + b"/0.bmp")
    before = print_of(source, tmp_path)
    reads.clear()
    assert (print_of(source, tmp_path), reads) == (before, [])

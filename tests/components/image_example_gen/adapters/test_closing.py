"""Every file that is opened to list, sample or read a source is closed, also where reading stops early."""

import pathlib
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.components.image_example_gen.adapters.test_array_sources import write_idx
from tests.components.image_example_gen.support import example, image_folder, png, write_records
from tfx_contrastive.components.image_example_gen import DataError, IngestConfig, inspect_source
from tfx_contrastive.components.image_example_gen.adapters import adapter_for, tfrecord
from tfx_contrastive.components.image_example_gen.records import ArrayBatch
from tfx_contrastive.components.image_example_gen.samples import sample_images
from tfx_contrastive.components.image_example_gen.survey import survey_source
from tfx_contrastive.contract import files


def put_idx(folder: pathlib.Path) -> str:
    write_idx(folder / "idx")
    return str(folder / "idx")


def put_tfrecord(folder: pathlib.Path) -> str:
    records = [example(image=png(i), label=i % 2) for i in range(60)]
    write_records(folder / "x.tfrecord.gz", records, "GZIP")
    return str(folder / "x.tfrecord.gz")


def put_archive(folder: pathlib.Path) -> str:
    image_folder(folder / "images", ["boot", "bag"], 20)
    return shutil.make_archive(str(folder / "images"), "gztar", folder / "images")


def put_npz(folder: pathlib.Path) -> str:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
    np.savez_compressed(folder / "a.npz", images=pixels, labels=np.arange(40) % 2)
    return str(folder / "a.npz")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Files that `contract/files` opened; they are kept here, so that only `close` closes them."""
    found: list[Any] = []
    open_binary = files.open_binary

    def noted(path: str) -> Any:
        found.append(open_binary(path))
        return found[-1]

    monkeypatch.setattr(files, "open_binary", noted)
    return found


@pytest.mark.parametrize(
    ("kind", "put"),
    [("idx", put_idx), ("tfrecord", put_tfrecord), ("archive", put_archive), ("npz", put_npz)],
)
def test_files_are_closed(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    opened: list[Any],
    kind: str,
    put: Callable[[pathlib.Path], str],
) -> None:
    monkeypatch.setattr(tfrecord, "_WHOLE_BYTES", 0)  # a small file is sampled as a large one
    ingest = IngestConfig.model_validate({"source": {"kind": kind, "path": put(tmp_path)}})
    inspect_source(ingest)
    survey_source(ingest)
    sample_images(ingest, 3, seed=0)
    adapter = adapter_for(ingest.source, ingest.max_file_bytes)
    with tempfile.TemporaryDirectory() as staging_dir:
        for chunk in adapter.chunks(staging_dir, 4096):
            read = adapter.read(chunk)
            assert read.sources if isinstance(read, ArrayBatch) else list(read)
    assert len(opened) > 3
    assert [file.name for file in opened if not file.closed] == []


@pytest.mark.parametrize("kind", ["idx", "tfrecord", "archive", "npz"])
def test_files_that_are_no_data_are_closed(tmp_path: pathlib.Path, opened: list[Any], kind: str) -> None:
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        (tmp_path / name).write_bytes(b"\x1f\x8b\x08 and no more")
    path = tmp_path if kind == "idx" else tmp_path / "train-images-idx3-ubyte.gz"
    with pytest.raises(DataError, match="which"):
        inspect_source(IngestConfig.model_validate({"source": {"kind": kind, "path": str(path)}}))
    assert opened
    assert [file.name for file in opened if not file.closed] == []

"""The plain functions of the Beam pipeline: chunks are divided, files named and written."""

import glob
import json
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.components.image_example_gen.support import write_records
from tfx_contrastive.components.examples import tfrecords
from tfx_contrastive.components.image_example_gen import IngestConfig, transforms
from tfx_contrastive.components.image_example_gen.records import Duplicates, StagedChunk
from tfx_contrastive.components.image_example_gen.splits import SplitPlan


def chunk(index: int, num_images: int) -> StagedChunk:
    sources = [f"{index}/{i}" for i in range(num_images)]
    return StagedChunk(
        index, f"chunk-{index}", np.zeros((num_images, 32), np.uint8), [None] * num_images, [], sources, []
    )


def assignment(path: pathlib.Path, **changes: Any) -> transforms.Assignment:
    values: dict[str, Any] = {
        "path": str(path / "staged"),
        "outputs": {0: str(path / "Split-train/data"), 1: str(path / "Split-eval/data")},
        "splits": np.array([0, 1, -1, 0], np.int8),
        "labels": np.array([1, 0, 0, -1], np.int32),
        "copied": np.array([False, True, False, False]),
        "class_names": ("cat", "dog"),
    }
    return transforms.Assignment(**(values | changes))


def features_of(path: pathlib.Path) -> list[dict[str, bytes]]:
    found = []
    for record in tfrecords.read(str(path)):
        features = tf.train.Example.FromString(record).features.feature
        found.append({name: each.bytes_list.value[0] for name, each in features.items()})
    return found


def test_files_are_numbered_per_split_in_the_order_of_the_source() -> None:
    plan = SplitPlan(
        np.array([0, 0, 1, -1, 0, 2], np.int8), np.zeros(6, np.int32), ("a",), Duplicates(), 0, 0, 0
    )
    found = transforms.assign(
        [chunk(0, 2), chunk(1, 2), chunk(2, 0), chunk(3, 2)], plan, np.zeros(6, bool), "/examples"
    )
    assert [(each.path, each.outputs) for each in found] == [
        ("chunk-0", {0: "/examples/Split-train/data_tfrecord-00000-of-00002"}),
        ("chunk-1", {1: "/examples/Split-eval/data_tfrecord-00000-of-00001"}),
        (
            "chunk-3",
            {
                0: "/examples/Split-train/data_tfrecord-00001-of-00002",
                2: "/examples/Split-test/data_tfrecord-00000-of-00001",
            },
        ),
    ]


def test_records_get_their_label_and_their_near_copy(tmp_path: pathlib.Path) -> None:
    write_records(tmp_path / "staged", [b"", b"", b"", b""])
    assert transforms.write_splits(assignment(tmp_path)) == 3
    assert features_of(tmp_path / "Split-train/data") == [
        {"label": b"dog", "near_copy": b"none"},
        {"near_copy": b"none"},
    ]
    assert features_of(tmp_path / "Split-eval/data") == [{"label": b"cat", "near_copy": b"train"}]


def test_a_failure_closes_every_writer(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []

    class Writer:
        def __init__(self, path: str) -> None:
            self._path = path

        def __enter__(self) -> "Writer":
            return self

        def __exit__(self, *_: object) -> None:
            closed.append(self._path)

        def write(self, _: bytes) -> None:
            raise OSError("no space left on device")

    write_records(tmp_path / "staged", [b""] * 4)
    monkeypatch.setattr(tf.io, "TFRecordWriter", Writer)
    task = assignment(tmp_path)
    with pytest.raises(OSError, match="no space left"):
        transforms.write_splits(task)
    assert sorted(closed) == sorted(task.outputs.values())


def test_records_and_decisions_of_different_lengths_are_a_bug(tmp_path: pathlib.Path) -> None:
    write_records(tmp_path / "staged", [b""] * 3)
    with pytest.raises(ValueError, match="shorter|longer"):
        transforms.write_splits(assignment(tmp_path))


def test_bad_data_writes_the_quarantine_and_no_example(tmp_path: pathlib.Path) -> None:
    config = IngestConfig(source={"kind": "image_folder", "path": "/images"})
    found = transforms.plan([chunk(0, 0)], config.model_dump_json(), str(tmp_path / "e"), str(tmp_path / "q"))
    assert list(found) == []
    summary = json.loads((tmp_path / "q/summary.json").read_text())
    assert summary["error"] == "Received image folder /images, which holds no image; expected images."
    assert (summary["read"], summary["set_aside"]) == (0, {})
    assert glob.glob(f"{tmp_path}/e/*") == []

"""Forecasts of a run: sizes of splits, groups, images that labels files name."""

import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.components.image_example_gen.support import image_folder
from tfx_contrastive.components.image_example_gen import IngestConfig, SourceInspection, csv_table
from tfx_contrastive.components.image_example_gen.adapters import source_files
from tfx_contrastive.components.image_example_gen.adapters.archive import ArchiveAdapter
from tfx_contrastive.components.image_example_gen.adapters.source_files import FileChunk
from tfx_contrastive.components.image_example_gen.forecast import (
    check_labels_files,
    check_source,
    doubts_of_pattern,
    expected_groups,
    expected_splits,
)
from tfx_contrastive.components.image_example_gen.records import Content, Entry
from tfx_contrastive.contract.errors import DataError, Reason


def config(**options: Any) -> IngestConfig:
    return IngestConfig.model_validate({"source": {"kind": "image_folder", "path": "/images"}, **options})


def inspection(
    labels: Any = (), unlabeled: Any = (), given: Any = (), grouped_by: str = ""
) -> SourceInspection:
    return SourceInspection(
        Content(()), 0, dict(labels), dict(unlabeled), given_labels=dict(given), grouped_by=grouped_by
    )


def entries(*sources: str, **values: Any) -> list[FileChunk]:
    found = (Entry(source, None, values.pop("split", ""), source, **values) for source in sources)
    return [FileChunk(tuple(found))]


@pytest.mark.parametrize(
    ("found", "options", "expected"),
    [
        (  # both splits are carved out of the labeled images
            inspection({"": {"cat": 60, "dog": 40}}, {"": 900}),
            {},
            {"train": (980, 80, False), "eval": (10, 10, False), "test": (10, 10, False)},
        ),
        (  # no label: carved out of all images
            inspection({}, {"": 1000}),
            {},
            {"train": (800, 0, False), "eval": (100, 0, False), "test": (100, 0, False)},
        ),
        (  # all splits are the source's own
            inspection(
                {"train": {"cat": 7}, "eval": {"cat": 2}, "test": {"cat": 1}}, {"train": 3, "test": 5}
            ),
            {},
            {"train": (10, 7, True), "eval": (2, 2, True), "test": (1, 1, True)},
        ),
        (  # a label budget
            inspection({"": {"cat": 600, "dog": 400}}),
            {"labels_per_class": 5},
            {"train": (800, 10, False), "eval": (100, 100, False), "test": (100, 100, False)},
        ),
        (  # only the labels files have labels
            inspection({}, {"": 1000}, {"cat": 60, "dog": 40}),
            {},
            {"train": (980, 80, False), "eval": (10, 10, False), "test": (10, 10, False)},
        ),
    ],
)
def test_sizes_of_splits(found: SourceInspection, options: Any, expected: Any) -> None:
    assert expected_splits(found, config(**options)) == expected


def test_a_share_of_usable_images_scales_every_split_and_leaves_nothing_certain() -> None:
    found = inspection({"train": {"cat": 80}, "eval": {"cat": 20}, "test": {"cat": 20}})
    assert expected_splits(found, config(), 0.5) == {
        "train": (40, 40, False),
        "eval": (10, 10, False),
        "test": (10, 10, False),
    }
    assert not any(certain for _, _, certain in expected_splits(found, config(), is_exact=False).values())


def test_groups_are_taken_from_names() -> None:
    chunks = entries("a/1_0.png", "a/1_1.png", "b/2_0.png", "b/3_0.png")
    census = expected_groups(config(group_pattern=r"^(\d+)_"), chunks, inspection())
    assert census is not None
    assert census.names == ["1", "1", "2", "3"]
    assert (census.num_groups, census.largest, census.num_movable) == (1, ("1", 2), 3)
    assert expected_groups(config(), chunks, inspection()) is None
    assert expected_groups(config(group_pattern="(x)"), [], inspection()) is None


def test_rejected_entries_count_for_no_group() -> None:
    chunks = entries("a/1_0.png", rejected=(Reason.UNREADABLE, "a link that leads nowhere"))
    assert expected_groups(config(group_pattern=r"^(\d+)_"), chunks, inspection()) is None


def test_fewer_groups_than_splits_are_refused() -> None:
    with pytest.raises(
        DataError, match="images are a single group by data.group_pattern .*the largest is '1'"
    ):
        expected_groups(config(group_pattern=r"^(\d+)_"), entries("1_0.png", "1_1.png"), inspection())


def test_a_pattern_that_matches_nothing_is_told() -> None:
    pattern = config(group_pattern=r"^(\d+)_")
    with pytest.raises(DataError, match="which matches no image; expected one .* such as that of 'a.png'"):
        doubts_of_pattern(pattern, ["a.png"], is_whole=True)
    (doubt,) = doubts_of_pattern(pattern, ["a.png"], is_whole=False)
    assert doubt.startswith("of 1 images that were looked at: Received data.group_pattern")
    assert doubts_of_pattern(pattern, ["1_a.png"], is_whole=True) == []


@pytest.mark.parametrize("kind", ["image_folder", "csv_manifest"])
@pytest.mark.parametrize("options", [{}, {"group_pattern": "^([0-9]+)"}, {"labels_files": "labels.csv"}])
def test_a_source_is_listed_once_for_labels_groups_and_labels_files(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, kind: str, options: dict[str, str]
) -> None:
    image_folder(tmp_path / "images", ["boot", "bag"], 12)
    rows = [f"{name}/{i}.png,{name}" for name in ("boot", "bag") for i in range(12)]
    (tmp_path / "images" / "manifest.csv").write_text("\n".join(["path,label", *rows]))
    (tmp_path / "labels.csv").write_text("source,label\nboot/1.png,bag\n")
    monkeypatch.chdir(tmp_path)
    listed: list[str] = []

    def noted(read: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: str, *args: Any, **options: Any) -> Any:
            listed.append(path)
            return read(path, *args, **options)

        return call

    monkeypatch.setattr(source_files, "walk", noted(source_files.walk))
    monkeypatch.setattr(csv_table, "read", noted(csv_table.read))
    path = {"image_folder": "images", "csv_manifest": "images/manifest.csv"}[kind]
    assert check_source(config(source={"kind": kind, "path": path}, **options)).num_images == 24
    assert [each for each in listed if each != "labels.csv"] == [path]


def test_archives_are_not_unpacked_to_find_groups(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_folder(tmp_path / "images", ["boot", "bag"], 12)
    archive = shutil.make_archive(str(tmp_path / "images"), "gztar", tmp_path / "images")
    monkeypatch.setattr(ArchiveAdapter, "chunks", None)
    found = check_source(config(source={"kind": "archive", "path": archive}, group_pattern="(nothing)"))
    assert found.num_images == 24


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("source,label\na/1.png,cat\n", None),
        ("source,label\nA\\1.PNG,cat\n", None),
        ("source,label\n/data/a/1.png,cat\n", None),
        ("source,label\na/2.png,cat\n", r"names 1 image .*a/2.png \(line 2\)"),
        (f"image_id,label\n{'ab' * 32},cat\n", None),
        ("image_id,label\nab12,cat\n", "whose line 2 has the image_id ab12; expected 64 hexadecimal digits"),
    ],
)
def test_images_of_labels_files_are_looked_up(tmp_path: pathlib.Path, text: str, told: str | None) -> None:
    (tmp_path / "labels.csv").write_text(text)
    ingest = config(labels_files=(str(tmp_path / "labels.csv"),))
    if told is None:
        check_labels_files(ingest, entries("a/1.png"))
    else:
        with pytest.raises(DataError, match=told):
            check_labels_files(ingest, entries("a/1.png"))

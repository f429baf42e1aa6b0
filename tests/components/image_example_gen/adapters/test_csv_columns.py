"""The columns of a manifest: usual names, columns that may be meant, groups."""

import pathlib
from typing import Any

import pytest

from tests.components.image_example_gen.adapters.test_csv_manifest import images, manifest
from tests.components.image_example_gen.support import encoded, picture, write
from tfx_contrastive.components.image_example_gen import DataError, inspect_source


def test_other_columns_are_told_once_and_columns_can_be_named(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "data" / "a.png", encoded(picture(1)))
    write(tmp_path / "data" / "b.png", encoded(picture(2)))
    text = "where,kind,fold,width\na.png,boot,1,3\nb.png,bag,2,4\n"
    ingest = manifest(tmp_path, text, path_column="Where", label_column="kind")
    found = inspect_source(ingest)
    assert found.labels == {"": {"boot": 1, "bag": 1}}
    assert found.warnings == ["passed over the columns fold, width of the manifest"]
    with pytest.raises(DataError, match="label_column: kinds and the manifest .*has no such column; it has"):
        inspect_source(manifest(tmp_path, text, path_column="where", label_column="kinds"))
    no_labels = inspect_source(manifest(tmp_path, "path,species\na.png,x\n"))
    assert "data.source.label_column names the column of the labels" in no_labels.warnings[0]


def test_splits_in_a_column_of_another_name_and_a_set_that_is_none(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "data" / "a.png", encoded(picture(1)))
    write(tmp_path / "data" / "b.png", encoded(picture(2)))
    usage = inspect_source(manifest(tmp_path, "path,label,Subset\na.png,x,Training\nb.png,y,hold-out\n"))
    assert usage.labels == {"train": {"x": 1}, "test": {"y": 1}}
    other = inspect_source(manifest(tmp_path, "path,label,set\na.png,x,spring\nb.png,y,summer\n"))
    assert (other.labels, other.warnings) == (
        {"": {"x": 1, "y": 1}},
        ["passed over the columns set of the manifest"],
    )


@pytest.mark.parametrize(
    ("header", "rows", "told"),
    [
        (
            "path,breed",
            "pug boxer pug boxer pug boxer pug",
            "data.source.label_column: breed names the column",
        ),
        ("path,note", "1 2 3 4 5 6 7", "data.source.label_column names the column of the labels"),
        (
            "path,fold",
            "train train test test train train val",
            "data.source.split_column: fold keeps its spl",
        ),
        (
            "path,is_test",
            "0 0 0 1 1 0 0",
            "is_test may tell of splits: write train, eval or test in a column",
        ),
    ],
)
def test_columns_that_may_be_meant_are_named(
    tmp_path: pathlib.Path, header: Any, rows: Any, told: Any
) -> None:
    values = rows.split(" ")
    for i in range(len(values)):
        write(tmp_path / "data" / f"{i}.png", encoded(picture(i)))
    text = "\n".join([header, *(f"{i}.png,{value}" for i, value in enumerate(values))])
    assert told in inspect_source(manifest(tmp_path, text)).warnings[0]


def test_a_column_data_set_that_holds_splits(tmp_path: pathlib.Path) -> None:
    for i in range(4):
        write(tmp_path / "data" / f"{i}.png", encoded(picture(i)))
    text = "filepaths,labels,data set\n0.png,x,train\n1.png,y,train\n2.png,x,test\n3.png,y,valid\n"
    found = inspect_source(manifest(tmp_path, text.replace("filepaths", "filepath")))
    assert found.labels == {"train": {"x": 1, "y": 1}, "test": {"x": 1}, "eval": {"y": 1}}


def test_long_paths_and_groups_without_a_name_are_told_in_short(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "data" / "a.png", encoded(picture(1)))
    found = inspect_source(manifest(tmp_path, f"path,patient\na.png,nan\n{'x' * 9000},p1\n"))
    assert found.warnings[0].startswith(
        "the patient 'nan' looks like a missing value, but counts as one group"
    )
    assert f"the first of them {'x' * 60}…{'x' * 60}: " in found.warnings[1]
    assert len(found.warnings[1]) < 700


@pytest.mark.parametrize("column", ["group", "Patient ID", "scene", "subject_id", "series"])
def test_a_column_of_groups(tmp_path: pathlib.Path, column: Any) -> None:
    for name in "abc":
        write(tmp_path / "data" / f"{name}.png", encoded(picture(ord(name))))
    text = f"path,label,{column}\na.png,x,p1\nb.png,y,p1\nc.png,x,\na.png,x,\n"
    ingest = manifest(tmp_path, text)
    found = inspect_source(ingest)
    assert found.grouped_by == f"the column {column!r} of the manifest"
    assert found.warnings == []
    assert [(i.source, i.group) for i in images(ingest, tmp_path)] == [
        ("a.png", "p1"),
        ("b.png", "p1"),
        ("c.png", ""),
    ]
    without = manifest(tmp_path, text, group_column="")
    assert [i.group for i in images(without, tmp_path)] == [None, None, None]
    assert inspect_source(without).warnings == [f"passed over the columns {column} of the manifest"]


def test_columns_of_groups_are_not_guessed(tmp_path: pathlib.Path) -> None:
    for name in "ab":
        write(tmp_path / "data" / f"{name}.png", encoded(picture(ord(name))))
    rows = "a.png,x,1,2\nb.png,y,1,3\n"
    two = (
        "'patient' and 'series' may all hold the group. Write data.source.group_column: patient, .*'' if none"
    )
    with pytest.raises(DataError, match=two):
        inspect_source(manifest(tmp_path, f"path,label,patient,series\n{rows}"))
    other = manifest(tmp_path, f"path,label,exam_id,session\n{rows}")
    assert [i.group for i in images(other, tmp_path)] == [None, None]
    assert (
        inspect_source(other)
        .warnings[0]
        .endswith("; data.source.group_column: session keeps in one split what has the same session")
    )
    named = manifest(tmp_path, f"path,label,exam_id,session\n{rows}", group_column="Exam ID")
    assert [i.group for i in images(named, tmp_path)] == ["1", "1"]
    with pytest.raises(DataError, match="group_column: ward and the manifest .*has no such column"):
        inspect_source(manifest(tmp_path, f"path,label,exam_id,session\n{rows}", group_column="ward"))
    twice = manifest(tmp_path, "path,label,group\na.png,x,1\nb.png,y,1\na.png,x,2\n")
    with pytest.raises(DataError, match="lines 2 and 4 give a.png the groups '1' and '2'"):
        inspect_source(twice)

"""CSV files in many dialects: separators, encodings, comments, columns by usual names."""

import pathlib

import pytest

from tfx_contrastive.components.image_example_gen import csv_table
from tfx_contrastive.contract.errors import DataError


def table(tmp_path: pathlib.Path, content: str | bytes) -> csv_table.Table:
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return csv_table.read(str(path), "the table")


ROWS = [("a.png", "cat"), ("b.png", "dog, small")]


@pytest.mark.parametrize(
    "text",
    [
        'path,label\na.png,cat\nb.png,"dog, small"\n',
        "path;label\na.png;cat\nb.png;dog, small\n",
        "path\tlabel\na.png\tcat\nb.png\tdog, small\n",
        "path|label\r\na.png|cat\r\nb.png|dog, small\r\n",
        'path label\na.png cat\nb.png "dog, small"\n',
        'sep=;\npath;label\na.png;cat\nb.png;"dog, small"\n',
        '# a comment\n\npath, label \n\n a.png , cat\nb.png, "dog, small"\n',
        "path;label\n'a.png';'cat'\n'b.png';'dog, small'\n",
        '"path","label"\n"a.png","cat"\n"b.png","dog, small"\n',
    ],
)
def test_dialects_give_the_same_rows(tmp_path: pathlib.Path, text: str) -> None:
    found = table(tmp_path, text)
    assert found.columns == ("path", "label")
    assert [row for _, row in found.rows] == ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_give_the_same_rows(tmp_path: pathlib.Path, encoding: str) -> None:
    found = table(tmp_path, "path,label\nä.png,Größe\n".encode(encoding))
    assert (found.columns, found.rows) == (("path", "label"), ((2, ("ä.png", "Größe")),))


def test_line_numbers_count_comments_and_empty_lines(tmp_path: pathlib.Path) -> None:
    found = table(tmp_path, "# one\n# two\npath,label\n\na.png,cat\n\n\nb.png,dog\n")
    assert [line for line, _ in found.rows] == [5, 8]


def test_short_rows_are_filled_and_surplus_empty_fields_dropped(tmp_path: pathlib.Path) -> None:
    found = table(tmp_path, "path,label\na.png\nb.png,dog,,\n")
    assert [row for _, row in found.rows] == [("a.png", ""), ("b.png", "dog")]


def test_the_digest_is_that_of_the_file(tmp_path: pathlib.Path) -> None:
    same = table(tmp_path, "path,label\na.png,cat\n").digest
    assert len(same) == 64
    assert table(tmp_path, "path,label\na.png,cat\n").digest == same
    assert table(tmp_path, "path,label\na.png,dog\n").digest != same


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "which is an empty file"),
        (b"\xff\xfe\x00", "the table .*a.csv"),
        (b"path,label\na.png,Gr\xfc\xdfe\n", "not UTF-8: line 2 holds the byte 0xfc, as Latin-1"),
        (b"path,label\na.png,\0\0\n", "line 2 holds a zero byte"),
        (b"PK\x03\x04\xff\xff xl/workbook.xml", "an Excel workbook"),
        (b'{"path": 1}', "which is JSON; expected a CSV file"),
        (b"path,label\na.png,cat,extra\n", "line 2 has more fields than the first line, 3 instead of 2"),
        (b"Title\npath,label\na.png,cat\n", "Is the first line a title"),
        (b"a.png,train,cat\nb.png,test,dog\n", "Write path,split,label above it"),
    ],
)
def test_what_is_no_table_is_told(tmp_path: pathlib.Path, content: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        table(tmp_path, content)


def made_of(columns: str, *rows: str) -> csv_table.Table:
    numbered = tuple((i, tuple(row.split(","))) for i, row in enumerate(rows, 2))
    return csv_table.Table("the table a.csv", tuple(columns.split(",")), numbered, "")


@pytest.mark.parametrize(
    ("columns", "role", "position"),
    [
        ("label,path", "path", 1),
        ("File Name,Class", "path", 0),
        ("File Name,Class", "label", 1),
        ("image_id,filename", "path", 1),  # a name of an earlier group is preferred
        ("id,y", "path", 0),
        ("subset,x", "split", 0),
        ("patient_id,x", "group", 0),
        ("a,b", "label", None),
    ],
)
def test_columns_are_found_by_usual_names(columns: str, role: str, position: int | None) -> None:
    assert made_of(columns).column(role) == position


def test_a_configured_column_counts() -> None:
    found = made_of("path,species,Label")
    assert found.column("label", "species", "data.source.label_column") == 1
    assert found.column("label", "SPECIES", "data.source.label_column") == 1
    with pytest.raises(DataError, match="label_column: genus and the table a.csv, which has no such column"):
        found.column("label", "genus", "data.source.label_column")


def test_several_columns_of_one_role_are_refused() -> None:
    with pytest.raises(DataError, match="'label' and 'Label' may all hold the label"):
        made_of("path,label,Label").column("label", None, "data.source.label_column")
    with pytest.raises(DataError, match="Write data.source.label_column: class, or"):
        made_of("path,class,category").column("label", None, "data.source.label_column")


def test_columns_that_may_be_meant_are_found_by_their_values() -> None:
    rows = [f"{i}.png,{'cat' if i % 2 else 'dog'},{'train' if i % 5 else 'test'},{i}" for i in range(20)]
    found = made_of("path,kind,fold,number", *rows)
    others = ["kind", "fold", "number"]
    assert found.values("kind") == {"cat", "dog"}
    assert found.like_a_split(others) == "fold"
    assert found.like_a_label(["kind", "number"]) == "kind"
    assert found.like_a_label(["number"]) is None
    assert found.like_a_group(["number", "scene_no"]) == "scene_no"
    assert found.like_a_group(others) is None


@pytest.mark.parametrize(
    ("columns", "near"), [("path,lable", "lable"), ("path,Labell", "Labell"), ("path,x", None)]
)
def test_a_misspelled_column_is_found(columns: str, near: str | None) -> None:
    assert made_of(columns).misspelt("label") == near

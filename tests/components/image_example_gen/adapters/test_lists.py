"""CSV manifests."""

import pytest

from tests.components.image_example_gen.support import encoded, picture, write
from tfx_contrastive.components.image_example_gen import DataError, IngestConfig, inspect_source
from tfx_contrastive.components.image_example_gen.adapters import adapter_for
from tfx_contrastive.contract.errors import Reason


def manifest(tmp_path, text, **source):
    write(tmp_path / "data" / "list.csv", text if isinstance(text, bytes) else text.encode())
    path = str(tmp_path / "data" / "list.csv")
    return IngestConfig(source={"kind": "csv_manifest", "path": path, **source})


def images(ingest, tmp_path):
    adapter = adapter_for(ingest.source, 2**20)
    return [image for chunk in adapter.chunks(str(tmp_path / "s"), 2) for image in adapter.read(chunk)]


def test_manifest(tmp_path):
    for name in ("a.png", "sub/b.png", "c.png"):
        write(tmp_path / "data" / name, encoded(picture(len(name))))
    ingest = manifest(
        tmp_path, 'path,label,split\na.png,"Größe 38, rot/blau",train\nsub/b.png,x,test\nc.png,,\n'
    )
    found = inspect_source(ingest)
    assert found.labels == {"train": {"Größe 38, rot/blau": 1}, "test": {"x": 1}}
    assert found.unlabelled == {"": 1}
    assert [(i.source, i.label, i.split, i.data) for i in images(ingest, tmp_path)] == [
        ("a.png", "Größe 38, rot/blau", "train", encoded(picture(5))),
        ("sub/b.png", "x", "test", encoded(picture(9))),
        ("c.png", None, "", encoded(picture(5))),
    ]


def test_manifest_paths_that_can_not_be_read(tmp_path):
    write(tmp_path / "secret.png", encoded(picture(1)))
    write(tmp_path / "data" / "a.png", encoded(picture(1)))
    (tmp_path / "data" / "link.png").symlink_to(tmp_path / "secret.png")
    text = f"path\n../secret.png\n{tmp_path}/secret.png\nlink.png\nnone.png\n{tmp_path}/data/a.png\n"
    found = images(manifest(tmp_path, text), tmp_path)
    outside, missing = Reason.OUTSIDE_ROOT, Reason.UNREADABLE
    assert [i.rejected and i.rejected[0] for i in found] == [outside, outside, outside, missing, None]
    assert not any(i.data for i in found[:4])


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("url,label\na.png,x\n", "columns url, label; expected a first line with `path`.*path_column name"),
        ("path,lable\na.png,x\n", "'lable' may be meant as 'label'. Write data.source.label_column: lable"),
        ("path,label,spilt\na.png,x,test\n", "'spilt' may be meant as 'split'"),
        ("path,class,category\na.png,x,y\n", "columns 'class' and 'category' may all hold the label. Write"),
        ("file;image\na.png;a.png\n", "'file' and 'image' may all hold the path"),
        ("path,split\na.png,trian\n", "line 2 has the split 'trian'"),
        ("path,label\na.png,x,y\n", "line 2 has more fields"),
        ("path,label\n,x\n", "line 2 has no path"),
        ("path,label\n", "expected one an image|lists nothing"),
        ("", "which is an empty file"),
        ("a.png,boot,TRAIN\n", "a row: a.png, boot, TRAIN; .*Write path,label,split above it"),
        ("TRAIN,a.png,boot\n", "Write split,path,label above it"),
        ("path,label,label\na.png,x,y\n", "'label' and 'label' may all hold the label; expected one. Rename"),
        ("My shoes\npath,label\na.png,x\n", "line 2 has more fields .* Is the first line a title"),
        ("path,label\na.png,x\0\n", "is damaged: line 2 holds a zero byte"),
        ('path,label\n"a.png,x\nb.png,y\nc.png,z\n', r"a path goes over 3 lines, up to line 4: a.png,x\\nb"),
        ("path,label\nhttps://a.org/a.png,x\n", "https://a.org/a.png is a URL; download the images, or let"),
        (
            "label,pixel0,pixel1\n1,2,3\n",
            r"pixel1 \(pixels: save them as images, or as a NumPy archive\); exp",
        ),
        ("path,label\nb.png,x\n", "/b.png: there is no such file beside a.png"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file .*Save it as CSV"),
        (
            "a.png,boot\nb.png,bag\n",
            "first line is no line of names, but a row: a.png, boot; .*Write path,label",
        ),
        ("path,label\na.png,x\na.png,y\n", "lines 2 and 3 give a.png the labels 'x' and 'y'"),
        ('{"path": "a.png"}', "which is JSON; expected a CSV file"),
        ("path,label\na.png,Größe\n".encode("latin-1"), "not UTF-8: line 2 holds the byte 0xf6, as Latin-1"),
        (b"PK\x03\x04\x14\0\0\0\xff\xfe", "a zip file .*Save it as CSV"),
        (b"PK\x03\x04\x14\0\0\0\xff\xfe xl/workbook.xml", "an Excel workbook; .*Save it as CSV"),
        (b"\x1f\x8b\x08\0\xff\xfe", "a file compressed with gzip"),
    ],
)
def test_manifest_errors(tmp_path, text, error):
    write(tmp_path / "data" / "a.png", encoded(picture(1)))
    with pytest.raises(DataError, match=error):
        inspect_source(manifest(tmp_path, text))


READ = {
    "semicolons": "path;label\na.png;Boot, left\nsub/b.jpg;bag\n",
    "tabs": "path\tlabel\na.png\tBoot, left\nsub/b.jpg\tbag\n",
    "pipes": "path|label\na.png|Boot, left\nsub/b.jpg|bag\n",
    "blanks": 'path label\na.png "Boot, left"\nsub/b.jpg bag\n',
    "excel": 'sep=;\r\nFile Name;CLASS;notes\r\na.png;"Boot, left";\r\nsub/b.jpg;bag;x;\r\n;;\r\n',
    "backslashes": 'Image,Category\na.png,"Boot, left"\nsub\\b.jpg,bag\n',
    "dots": './image_path,target\n./a.png,"Boot, left"\n./sub/../sub/b.jpg,bag\n'.replace("./image", "image"),
    "ids": 'image_id, label\na, "Boot, left"\nsub/b, bag\n',
    "case": 'path,label\nA.PNG,"Boot, left"\nsub/B.JPG,bag\n',
    "quotes": "'Path','Label'\na.png,\"Boot, left\"\nsub/b.jpg,bag\n",
    "comments": '# made by hand\n# 2026\npath,label\na.png,"Boot, left"\nsub/b.jpg,bag\n',
    "single quotes": "path;label\n'a.png';'Boot, left'\n'sub/b.jpg';'bag'\n",
    "nameless columns": 'path,label,\na.png,"Boot, left",\nsub/b.jpg,bag,\n',
    "BOM": '\ufeffpath,label\na.png,"Boot, left"\nsub/b.jpg,bag\n',
    "UTF-16": 'path,label\na.png,"Boot, left"\nsub/b.jpg,bag\n'.encode("utf-16"),
    "UTF-16 without a mark": 'path,label\na.png,"Boot, left"\nsub/b.jpg,bag\n'.encode("utf-16-le"),
    "index": ',path,label\n0,a.png,"Boot, left"\n1,sub/b.jpg,bag\n',
    "repeated": 'path,label\na.png,"Boot, left"\nsub/b.jpg,bag\nsub/b.jpg,bag\n',
    "absolute": 'path,label\n{root}/a.png,"Boot, left"\n{root}/sub/b.jpg,bag\n',
}


@pytest.mark.parametrize("name", READ)
def test_manifests_as_people_have_them(tmp_path, name):
    for path in ("a.png", "sub/b.jpg", "sub/c.png"):
        write(tmp_path / "data" / path, encoded(picture(len(path)), "PNG" if path == "a.png" else "JPEG"))
    text = READ[name]
    if isinstance(text, str):
        text = text.replace("{root}", str(tmp_path / "data"))
    ingest = manifest(tmp_path, text)
    assert inspect_source(ingest).labels == {"": {"Boot, left": 1, "bag": 1}}
    assert [(i.source, i.label, i.rejected) for i in images(ingest, tmp_path)] == [
        ("a.png", "Boot, left", None),
        ("sub/b.jpg", "bag", None),
    ]


def test_other_columns_are_told_once_and_columns_can_be_named(tmp_path):
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


def test_splits_in_a_column_of_another_name_and_a_set_that_is_none(tmp_path):
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
def test_columns_that_may_be_meant_are_named(tmp_path, header, rows, told):
    values = rows.split(" ")
    for i in range(len(values)):
        write(tmp_path / "data" / f"{i}.png", encoded(picture(i)))
    text = "\n".join([header, *(f"{i}.png,{value}" for i, value in enumerate(values))])
    assert told in inspect_source(manifest(tmp_path, text)).warnings[0]


def test_a_column_data_set_that_holds_splits(tmp_path):
    for i in range(4):
        write(tmp_path / "data" / f"{i}.png", encoded(picture(i)))
    text = "filepaths,labels,data set\n0.png,x,train\n1.png,y,train\n2.png,x,test\n3.png,y,valid\n"
    found = inspect_source(manifest(tmp_path, text.replace("filepaths", "filepath")))
    assert found.labels == {"train": {"x": 1, "y": 1}, "test": {"x": 1}, "eval": {"y": 1}}


def test_names_that_begin_as_home_directories_do(tmp_path):
    for name in ("~a.png", "~nobody/b.png"):
        write(tmp_path / "data" / name, encoded(picture(len(name))))
    ingest = manifest(tmp_path, "path\n~a.png\n~nobody/b.png\n~nobody/none.png\n")
    assert [image.source for image in images(ingest, tmp_path) if not image.rejected] == [
        "~a.png",
        "~nobody/b.png",
    ]


def test_long_paths_and_groups_without_a_name_are_told_in_short(tmp_path):
    write(tmp_path / "data" / "a.png", encoded(picture(1)))
    found = inspect_source(manifest(tmp_path, f"path,patient\na.png,nan\n{'x' * 9000},p1\n"))
    assert found.warnings[0].startswith(
        "the patient 'nan' looks like a missing value, but counts as one group"
    )
    assert f"the first of them {'x' * 60}…{'x' * 60}: " in found.warnings[1]
    assert len(found.warnings[1]) < 700


def test_blanks_within_names_are_no_separators(tmp_path):
    write(tmp_path / "data" / "my boot.png", encoded(picture(1)))
    ingest = manifest(tmp_path, "image name\nmy boot.png\n")
    assert [image.source for image in images(ingest, tmp_path) if not image.rejected] == ["my boot.png"]


def test_an_id_that_may_be_two_files(tmp_path):
    for name in ("a.png", "a.jpg"):
        write(tmp_path / "data" / name, encoded(picture(1)))
    with pytest.raises(
        DataError, match="line 2, with a, which may be a.jpg or a.png in .*data; expected one"
    ):
        inspect_source(manifest(tmp_path, "id,label\na,x\n"))


def test_when_no_path_works_the_first_is_named_with_a_better_root(tmp_path):
    write(tmp_path / "data" / "images" / "train" / "a.png", encoded(picture(1)))
    write(tmp_path / "elsewhere" / "b.png", encoded(picture(2)))
    root = tmp_path / "data"
    for text, why in (
        (
            "path\na.png\n",
            f"{root}/a.png: there is no such file. Write data.source.root: {root}/images/train",
        ),
        ("id\na\n", f"{root}/a: there is no such file. Write data.source.root: {root}/images/train"),
        ("path\nnew/x.png\n", f"{root}/new/x.png: there is no such file, nor a directory {root}/new"),
        (
            "path\nC:\\Users\\me\\images\\train\\a.png\n",
            f"Below {root} there is images/train/a.png: take C:/Users/me/ off the paths",
        ),
        (
            "path\n/home/me/images/train/a.png\n",
            f"Below {root} there is images/train/a.png: take /home/me/ off the paths",
        ),
        ("path\nimages/train\n", f"{root}/images/train is a directory"),
        (
            f"path\n{tmp_path}/elsewhere/b.png\n",
            f"{tmp_path}/elsewhere/b.png lies outside of {root}; data.source.root says what paths are "
            f"relative to. Write data.source.root: {tmp_path}/elsewhere",
        ),
    ):
        with pytest.raises(DataError) as error:
            inspect_source(manifest(tmp_path, text))
        assert why in str(error.value), str(error.value)
    found = inspect_source(manifest(tmp_path, "path,label\na.png,\nnew.png,\n", root=f"{root}/images/train"))
    assert found.warnings[0].startswith("1 can't be read, the first of them")


def test_images_in_several_directories_are_told(tmp_path):
    for i in range(6):
        write(tmp_path / "data" / f"part_{i % 2}" / f"{i}.jpg", encoded(picture(i), "JPEG"))
    ids = "\n".join(["image_id,label", *(f"{i},{'ab'[i % 2]}" for i in range(6))])
    with pytest.raises(DataError, match="They lie in several directories, part_0, part_1: write these"):
        inspect_source(manifest(tmp_path, ids))
    with pytest.raises(DataError, match=f"Write data.source.root: {tmp_path}/data/part_1"):
        inspect_source(manifest(tmp_path, "image_id,label\n1,a\n3,b\n5,a\n"))


def test_links_out_of_the_root_can_be_allowed(tmp_path):
    write(tmp_path / "disk" / "a.png", encoded(picture(1)))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").symlink_to(tmp_path / "disk" / "a.png")
    with pytest.raises(
        DataError, match="is a link that leads out of .*; data.source.follow_links: true reads it"
    ):
        inspect_source(manifest(tmp_path, "path\na.png\n"))
    ingest = manifest(tmp_path, "path\na.png\n", follow_links=True)
    assert images(ingest, tmp_path)[0].data == encoded(picture(1))


@pytest.mark.parametrize("column", ["group", "Patient ID", "scene", "subject_id", "series"])
def test_a_column_of_groups(tmp_path, column):
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


def test_columns_of_groups_are_not_guessed(tmp_path):
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

"""CSV manifests."""

import pathlib
from typing import Any

import pytest

from tests.components.image_example_gen.support import encoded, picture, write
from tfx_contrastive.components.image_example_gen import DataError, IngestConfig, inspect_source
from tfx_contrastive.components.image_example_gen.adapters import adapter_for
from tfx_contrastive.contract.errors import Reason


def manifest(tmp_path: pathlib.Path, text: str, **source: Any) -> Any:
    write(tmp_path / "data" / "list.csv", text if isinstance(text, bytes) else text.encode())
    path = str(tmp_path / "data" / "list.csv")
    return IngestConfig(source={"kind": "csv_manifest", "path": path, **source})


def images(ingest: Any, tmp_path: pathlib.Path) -> Any:
    adapter: Any = adapter_for(ingest.source, 2**20)
    return [image for chunk in adapter.chunks(str(tmp_path / "s"), 2) for image in adapter.read(chunk)]


def test_manifest(tmp_path: pathlib.Path) -> None:
    for name in ("a.png", "sub/b.png", "c.png"):
        write(tmp_path / "data" / name, encoded(picture(len(name))))
    ingest = manifest(
        tmp_path, 'path,label,split\na.png,"Größe 38, rot/blau",train\nsub/b.png,x,test\nc.png,,\n'
    )
    found = inspect_source(ingest)
    assert found.labels == {"train": {"Größe 38, rot/blau": 1}, "test": {"x": 1}}
    assert found.unlabeled == {"": 1}
    assert [(i.source, i.label, i.split, i.data) for i in images(ingest, tmp_path)] == [
        ("a.png", "Größe 38, rot/blau", "train", encoded(picture(5))),
        ("sub/b.png", "x", "test", encoded(picture(9))),
        ("c.png", None, "", encoded(picture(5))),
    ]


def test_manifest_paths_that_can_not_be_read(tmp_path: pathlib.Path) -> None:
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
        ("path,label\n", "lists nothing; expected one row per image"),
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
def test_manifest_errors(tmp_path: pathlib.Path, text: str, error: Any) -> None:
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
def test_manifests_as_people_have_them(tmp_path: pathlib.Path, name: str) -> None:
    for path in ("a.png", "sub/b.jpg", "sub/c.png"):
        write(tmp_path / "data" / path, encoded(picture(len(path)), "PNG" if path == "a.png" else "JPEG"))
    text: Any = READ[name]
    if isinstance(text, str):
        text = text.replace("{root}", str(tmp_path / "data"))
    ingest = manifest(tmp_path, text)
    assert inspect_source(ingest).labels == {"": {"Boot, left": 1, "bag": 1}}
    assert [(i.source, i.label, i.rejected) for i in images(ingest, tmp_path)] == [
        ("a.png", "Boot, left", None),
        ("sub/b.jpg", "bag", None),
    ]


def test_names_that_begin_as_home_directories_do(tmp_path: pathlib.Path) -> None:
    for name in ("~a.png", "~nobody/b.png"):
        write(tmp_path / "data" / name, encoded(picture(len(name))))
    ingest = manifest(tmp_path, "path\n~a.png\n~nobody/b.png\n~nobody/none.png\n")
    assert [image.source for image in images(ingest, tmp_path) if not image.rejected] == [
        "~a.png",
        "~nobody/b.png",
    ]


def test_blanks_within_names_are_no_separators(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "data" / "my boot.png", encoded(picture(1)))
    ingest = manifest(tmp_path, "image name\nmy boot.png\n")
    assert [image.source for image in images(ingest, tmp_path) if not image.rejected] == ["my boot.png"]


def test_an_id_that_may_be_two_files(tmp_path: pathlib.Path) -> None:
    for name in ("a.png", "a.jpg"):
        write(tmp_path / "data" / name, encoded(picture(1)))
    with pytest.raises(
        DataError, match="line 2, with a, which may be a.jpg or a.png in .*data; expected one"
    ):
        inspect_source(manifest(tmp_path, "id,label\na,x\n"))


def test_when_no_path_works_the_first_is_named_with_a_better_root(tmp_path: pathlib.Path) -> None:
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


def test_images_in_several_directories_are_told(tmp_path: pathlib.Path) -> None:
    for i in range(6):
        write(tmp_path / "data" / f"part_{i % 2}" / f"{i}.jpg", encoded(picture(i), "JPEG"))
    ids = "\n".join(["image_id,label", *(f"{i},{'ab'[i % 2]}" for i in range(6))])
    with pytest.raises(DataError, match="They lie in several directories, part_0, part_1: write these"):
        inspect_source(manifest(tmp_path, ids))
    with pytest.raises(DataError, match=f"Write data.source.root: {tmp_path}/data/part_1"):
        inspect_source(manifest(tmp_path, "image_id,label\n1,a\n3,b\n5,a\n"))


def test_links_out_of_the_root_can_be_allowed(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "disk" / "a.png", encoded(picture(1)))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").symlink_to(tmp_path / "disk" / "a.png")
    with pytest.raises(
        DataError, match="is a link that leads out of .*; data.source.follow_links: true reads it"
    ):
        inspect_source(manifest(tmp_path, "path\na.png\n"))
    ingest = manifest(tmp_path, "path\na.png\n", follow_links=True)
    assert images(ingest, tmp_path)[0].data == encoded(picture(1))

"""Image folders: layouts, links, and paths that lead nowhere."""

import os
import pathlib
import re
from typing import Any

import pytest

from tests.components.image_example_gen.support import (
    encoded,
    image_folder,
    images_of,
    inspect,
    picture,
    write,
)
from tfx_contrastive.components.image_example_gen import DataError
from tfx_contrastive.contract.errors import Reason


def test_classes_unlabeled_and_odd_names(tmp_path: pathlib.Path) -> None:
    names = ["T-shirt, rot", "Größe 38", "日本"]
    image_folder(tmp_path / "data", [*names, "unlabeled"], 3)
    write(tmp_path / "data" / "loose.png", encoded(picture(9)))
    write(tmp_path / "data" / ".hidden" / "x.png", b"")
    found = inspect(tmp_path / "data")
    assert found.labels == {"": dict.fromkeys(sorted(names), 3)}
    assert found.unlabeled == {"": 4}
    assert (found.num_images, found.has_labels, found.class_names) == (13, True, tuple(sorted(names)))


def test_splits_as_top_directories(tmp_path: pathlib.Path) -> None:
    for split, count in (("train", 3), ("validation", 2), ("test", 1)):
        image_folder(tmp_path / split, ["cat", "dog"], count)
    image_folder(tmp_path / "train", ["unlabeled"], 4)
    found = inspect(tmp_path)
    assert found.labels == {
        "train": {"cat": 3, "dog": 3},
        "eval": {"cat": 2, "dog": 2},
        "test": {"cat": 1, "dog": 1},
    }
    assert found.unlabeled == {"train": 4}


def test_a_class_may_be_called_train(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["train", "bus"], 2)
    assert inspect(tmp_path).labels == {"": {"bus": 2, "train": 2}}


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        (lambda _: None, "does not exist; expected a directory"),
        (lambda path: path.mkdir(), "holds no file"),
        (lambda path: path.write_text(""), "is a file; expected a directory"),
        (lambda path: image_folder(path, ["cat"], 3), r"one class only \('cat'\)"),
    ],
    ids=["typo", "empty", "file", "one class"],
)
def test_clear_errors(tmp_path: pathlib.Path, prepare: Any, text: str) -> None:
    prepare(tmp_path / "data")
    with pytest.raises(DataError, match=text):
        inspect(tmp_path / "data")


def test_no_labels_at_all(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["unlabeled"], 3)
    assert not inspect(tmp_path).has_labels


def test_links(tmp_path: pathlib.Path) -> None:
    root, secret = tmp_path / "data", tmp_path / "secret.png"
    image_folder(root, ["cat", "dog"], 1)
    write(secret, encoded(picture(50)))
    os.symlink(secret, root / "cat" / "escape.png")
    os.symlink(tmp_path / "nowhere", root / "cat" / "broken.png")
    images = images_of(root, "image_folder", tmp_path)
    assert {source: image.rejected[0] for source, image in images.items() if image.rejected} == {
        "cat/escape.png": Reason.OUTSIDE_ROOT,
        "cat/broken.png": Reason.UNREADABLE,
    }
    assert images["cat/escape.png"].data == b""
    assert [text.partition(",")[0] for text in inspect(root).warnings] == ["2 can't be read"]
    followed = images_of(root, "image_folder", tmp_path, follow_links=True)
    assert followed["cat/escape.png"].data == encoded(picture(50))


def test_a_directory_that_a_link_leads_out_to_is_followed_or_stops_the_run(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "data", ["cat"], 2)
    image_folder(tmp_path / "disk", ["dog"], 3)
    os.symlink(tmp_path / "disk" / "dog", tmp_path / "data" / "dog")
    os.symlink(tmp_path / "data", tmp_path / "disk" / "dog" / "back")
    with pytest.raises(DataError, match="directory dog, a link that leads out .*follow_links: true"):
        inspect(tmp_path / "data")
    found = inspect(tmp_path / "data", follow_links=True)
    assert found.labels == {"": {"cat": 2, "dog": 3}}
    assert found.passed_over == {"links that lead back": 1}


def test_links_inside_count_once_and_under_the_name_of_the_link(tmp_path: pathlib.Path) -> None:
    """As the cache of a hub has them, and folders of classes made by links to a heap of files."""
    for i in range(6):
        write(tmp_path / "blobs" / f"{i}abc", encoded(picture(i)))
        link = tmp_path / "snapshots" / "v1.2" / ("cat", "dog")[i % 2] / f"{i}.png"
        link.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(f"../../../blobs/{i}abc", link)
    os.symlink("..", tmp_path / "snapshots" / "up")
    os.symlink(".", tmp_path / "here")
    os.symlink("circle", tmp_path / "circle")
    found = inspect(tmp_path)
    assert found.labels == {"": {"cat": 3, "dog": 3}}
    assert found.passed_over == {"links that lead back": 2, "files that a link stands for": 6}
    assert "1 can't be read" in found.warnings[0]


def test_directories_linked_in_circles_come_to_an_end(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["cat", "dog"], 2)
    for name, other in (("cat", "dog"), ("dog", "cat")):
        os.symlink(f"../{other}", tmp_path / name / "other")
    assert inspect(tmp_path).num_images <= 8


def test_a_class_folder_without_permission_is_told(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_folder(tmp_path, ["cat", "dog"], 2)
    scandir = os.scandir  # root may read everything, so the refusal is played

    def refusing(path: Any) -> Any:
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DataError, match="directory dog, for which there is no permission"):
        inspect(tmp_path)


def test_names_that_are_not_utf8(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["Gras"], 2)
    latin = os.path.join(os.fsencode(tmp_path), "Gemüse".encode("latin-1"))
    os.mkdir(latin)
    with open(os.path.join(latin, b"0.png"), "wb") as file:
        file.write(encoded(picture(7)))
    found = inspect(tmp_path)
    assert found.labels == {"": {"Gemüse": 1, "Gras": 2}}
    assert "read as Latin-1, in 1 paths: Gemüse/0.png" in found.warnings[0]
    assert images_of(tmp_path, "image_folder", tmp_path)["Gemüse/0.png"].data == encoded(picture(7))


def test_object_store(tmp_path: pathlib.Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    for name in ("cat", "dog"):
        store.pipe(f"/bucket/{name}/0.png", encoded(picture(len(name))))
    images = images_of("memory://bucket", "image_folder", tmp_path)
    assert {source: image.label for source, image in images.items()} == {
        "cat/0.png": "cat",
        "dog/0.png": "dog",
    }
    assert images["dog/0.png"].data == encoded(picture(3))


def test_tensorflow_file_system(tmp_path: pathlib.Path) -> None:
    import tensorflow as tf

    for name in ("cat", "dog"):
        tf.io.gfile.makedirs(f"ram://folder/{name}")
        with tf.io.gfile.GFile(f"ram://folder/{name}/0.png", "wb") as file:
            file.write(encoded(picture(ord(name[0]))))
    images = images_of("ram://folder", "image_folder", tmp_path)
    assert images["dog/0.png"].data == encoded(picture(ord("d")))
    assert images["cat/0.png"].label == "cat"


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("image_folder", "data ", "It begins or ends with a blank."),
        ("image_folder", "", "It is empty."),
        ("image_folder", "$HOME/data", "Variables are not filled in: write the whole path."),
        ("image_folder", "data/*", "Patterns are not filled in: write the path of one."),
        ("image_folder", "C:\\data", "It is a path of Windows."),
        ("image_folder", "{root}/dato", "Did you mean data?"),
        ("image_folder", "{root}/data.zip", "For such a file write data.source.kind: archive."),
        ("archive", "{root}/data", "For a folder of images write data.source.kind: image_folder."),
        ("csv_manifest", "{root}/data.csw", "Did you mean data.csv?"),
    ],
)
def test_paths_that_lead_nowhere_are_explained(
    tmp_path: pathlib.Path, kind: str, name: str, hint: Any
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data.zip").touch()
    (tmp_path / "data.csv").touch()
    with pytest.raises(DataError, match=f"{re.escape(hint)}$"):
        inspect(name.format(root=tmp_path), kind)


def test_a_file_over_the_limit_of_bytes_is_set_aside_unread(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "data/a/small.png", encoded(picture(1)))
    write(tmp_path / "data/b/large.png", bytes(2000))
    found = images_of(tmp_path / "data", "image_folder", tmp_path, max_file_bytes=1999)
    assert found["a/small.png"].rejected is None
    assert found["b/large.png"].rejected == (
        Reason.OVER_BYTE_LIMIT,
        "2,000 bytes; max_file_bytes allows 1,999",
    )
    assert found["b/large.png"].data == b""

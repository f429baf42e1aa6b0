"""Image folders and archives: layouts, and paths that lead out."""

import gzip
import io
import os
import re
import tarfile
import zipfile

import pytest

from components.image_example_gen import DataError, IngestConfig, inspect_source
from components.image_example_gen.adapters import adapter_for
from components.image_example_gen.records import Reason
from tests.components.image_example_gen.support import encoded, image_folder, picture, write


def inspect(path, kind="image_folder", **options):
    return inspect_source(IngestConfig(source={"kind": kind, "path": str(path), **options}))


def images_of(path, kind, tmp_path, max_file_bytes=2**20, **options):
    source = IngestConfig(source={"kind": kind, "path": str(path), **options}).source
    adapter = adapter_for(source, max_file_bytes)
    staging = tmp_path / "staging"
    return {image.source: image for chunk in adapter.chunks(str(staging), 3) for image in adapter.read(chunk)}


def test_classes_unlabelled_and_odd_names(tmp_path):
    names = ["T-shirt, rot", "Größe 38", "日本"]
    image_folder(tmp_path / "data", [*names, "unlabeled"], 3)
    write(tmp_path / "data" / "loose.png", encoded(picture(9)))
    write(tmp_path / "data" / ".hidden" / "x.png", b"")
    found = inspect(tmp_path / "data")
    assert found.labels == {"": dict.fromkeys(sorted(names), 3)}
    assert found.unlabelled == {"": 4}
    assert (found.num_images, found.has_labels, found.class_names) == (13, True, tuple(sorted(names)))


def test_splits_as_top_directories(tmp_path):
    for split, count in (("train", 3), ("validation", 2), ("test", 1)):
        image_folder(tmp_path / split, ["cat", "dog"], count)
    image_folder(tmp_path / "train", ["unlabeled"], 4)
    found = inspect(tmp_path)
    assert found.labels == {
        "train": {"cat": 3, "dog": 3},
        "eval": {"cat": 2, "dog": 2},
        "test": {"cat": 1, "dog": 1},
    }
    assert found.unlabelled == {"train": 4}


def test_a_class_may_be_called_train(tmp_path):
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
def test_clear_errors(tmp_path, prepare, text):
    prepare(tmp_path / "data")
    with pytest.raises(DataError, match=text):
        inspect(tmp_path / "data")


def test_no_labels_at_all(tmp_path):
    image_folder(tmp_path, ["unlabeled"], 3)
    assert not inspect(tmp_path).has_labels


def test_links(tmp_path):
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


def test_a_directory_that_a_link_leads_out_to_is_followed_or_stops_the_run(tmp_path):
    image_folder(tmp_path / "data", ["cat"], 2)
    image_folder(tmp_path / "disk", ["dog"], 3)
    os.symlink(tmp_path / "disk" / "dog", tmp_path / "data" / "dog")
    os.symlink(tmp_path / "data", tmp_path / "disk" / "dog" / "back")
    with pytest.raises(DataError, match="directory dog, a link that leads out .*follow_links: true"):
        inspect(tmp_path / "data")
    found = inspect(tmp_path / "data", follow_links=True)
    assert found.labels == {"": {"cat": 2, "dog": 3}}
    assert found.passed_over == {"links that lead back": 1}


def test_links_inside_count_once_and_under_the_name_of_the_link(tmp_path):
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


def test_directories_linked_in_circles_come_to_an_end(tmp_path):
    image_folder(tmp_path, ["cat", "dog"], 2)
    for name, other in (("cat", "dog"), ("dog", "cat")):
        os.symlink(f"../{other}", tmp_path / name / "other")
    assert inspect(tmp_path).num_images <= 8


def test_a_class_folder_without_permission_is_told(tmp_path, monkeypatch):
    image_folder(tmp_path, ["cat", "dog"], 2)
    scandir = os.scandir  # root may read everything, so the refusal is played

    def refusing(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DataError, match="directory dog, for which there is no permission"):
        inspect(tmp_path)


def test_names_that_are_not_utf8(tmp_path):
    image_folder(tmp_path, ["Gras"], 2)
    latin = os.path.join(os.fsencode(tmp_path), "Gemüse".encode("latin-1"))
    os.mkdir(latin)
    with open(os.path.join(latin, b"0.png"), "wb") as file:
        file.write(encoded(picture(7)))
    found = inspect(tmp_path)
    assert found.labels == {"": {"Gemüse": 1, "Gras": 2}}
    assert "read as Latin-1, in 1 paths: Gemüse/0.png" in found.warnings[0]
    assert images_of(tmp_path, "image_folder", tmp_path)["Gemüse/0.png"].data == encoded(picture(7))


def test_object_store(tmp_path):
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


def test_tensorflow_file_system(tmp_path):
    import tensorflow as tf

    for name in ("cat", "dog"):
        tf.io.gfile.makedirs(f"ram://folder/{name}")
        with tf.io.gfile.GFile(f"ram://folder/{name}/0.png", "wb") as file:
            file.write(encoded(picture(ord(name[0]))))
    images = images_of("ram://folder", "image_folder", tmp_path)
    assert images["dog/0.png"].data == encoded(picture(ord("d")))
    assert images["cat/0.png"].label == "cat"


MEMBERS = {"cat/0.png": 1, "cat/1.png": 2, "dog/ü.png": 3, "dog/1.png": 5, "unlabeled/0.png": 4}


def make_zip(path, prefix=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, seed in MEMBERS.items():
            archive.writestr(prefix + name, encoded(picture(seed)))
        archive.writestr("__MACOSX/cat/._0.png", b"x")


def make_tar(path, mode, prefix=""):
    with tarfile.open(path, mode) as archive:
        for name, seed in MEMBERS.items():
            add_to_tar(archive, prefix + name, encoded(picture(seed)))


def add_to_tar(archive, name, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    archive.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize("prefix", ["", "my-data/", "./"])
@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_archives_hold_the_same_images(tmp_path, ending, prefix):
    path = tmp_path / f"data.{ending}"
    if ending == "zip":
        make_zip(path, prefix)
    else:
        make_tar(path, f"w:{ending.partition('.')[2]}", prefix)
    assert inspect(path, "archive").labels == {"": {"cat": 2, "dog": 2}}
    images = images_of(path, "archive", tmp_path)
    assert {source: image.data for source, image in images.items()} == {
        name: encoded(picture(seed)) for name, seed in MEMBERS.items()
    }
    assert images["unlabeled/0.png"].label is None


def test_traversal_in_a_tar(tmp_path):
    path = tmp_path / "data.tar"
    make_tar(path, "w")
    data = encoded(picture(9))
    with tarfile.open(path, "a") as archive:
        add_to_tar(archive, "../../etc/evil.png", data)
        add_to_tar(archive, "/etc/evil.png", data)
        add_to_tar(archive, "cat/link.png", type=tarfile.SYMTYPE, linkname="../../secret.png")
        add_to_tar(archive, "cat/hard.png", type=tarfile.LNKTYPE, linkname="../secret.png")
        add_to_tar(archive, "cat/device.png", type=tarfile.CHRTYPE)
    rejected = {s: i.rejected[0] for s, i in images_of(path, "archive", tmp_path).items() if i.rejected}
    assert rejected == {
        "../../etc/evil.png": Reason.OUTSIDE_ROOT,
        "/etc/evil.png": Reason.OUTSIDE_ROOT,
        "cat/link.png": Reason.OUTSIDE_ROOT,
        "cat/hard.png": Reason.OUTSIDE_ROOT,
        "cat/device.png": Reason.UNREADABLE,
    }
    assert not (tmp_path.parent / "etc").exists()


def test_traversal_in_a_zip(tmp_path):
    path = tmp_path / "data.zip"
    make_zip(path)
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../evil.png", encoded(picture(9)))
        archive.writestr("cat\\..\\..\\evil.png", encoded(picture(9)))
        archive.writestr(link, "../../secret.png")
    rejected = [i.rejected[0] for i in images_of(path, "archive", tmp_path).values() if i.rejected]
    assert rejected == [Reason.OUTSIDE_ROOT] * 3


def test_member_that_unpacks_too_large(tmp_path):
    path = tmp_path / "data.zip"
    make_zip(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dog/bomb.png", bytes(5 * 2**20))
    image = images_of(path, "archive", tmp_path)["dog/bomb.png"]
    assert (image.rejected[0], image.data) == (Reason.DECOMPRESSION_BOMB, b"")


def test_damaged_member(tmp_path):
    path = tmp_path / "data.zip"
    make_zip(path)
    damaged = bytearray(path.read_bytes())
    damaged[80] ^= 0xFF
    path.write_bytes(damaged)
    assert images_of(path, "archive", tmp_path)["cat/0.png"].rejected[0] == Reason.UNREADABLE


PNG = encoded(picture(1))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"not an archive at all" * 100, "which is text"),
        (PNG, "which is a PNG image"),
        (b"Rar!\x1a\x07\x01\0" + bytes(500), "which is a RAR archive"),
        (b"\x28\xb5\x2f\xfd" + bytes(500), "which is a file compressed with Zstandard"),
        (b"<!DOCTYPE html><html>Quota exceeded</html>", "which is HTML"),
        (b"", "which is an empty file"),
        (b"PK\x03\x04" + bytes(500), "which is a zip file without its end, cut or still being written"),
        (gzip.compress(PNG, mtime=0), "which is a file compressed with gzip, with a PNG image inside"),
        (b"\x1f\x8b\x08" + bytes(500), "which is a file compressed with gzip, and can't be unpacked"),
        (b"\xde\xad\xbe\xef" * 300, "which is neither zip nor tar"),
    ],
)
@pytest.mark.parametrize("name", ["data.zip", "data.tar.gz"])
def test_what_is_no_archive(tmp_path, name, data, text):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=f"{text}; expected a whole zip or tar file") as caught:
        inspect(tmp_path / name, "archive")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("kept", [0.51, 0.7, 0.9])
def test_archives_that_are_cut(tmp_path, mode, kept):
    """tarfile itself takes most places where a file is cut for its end."""
    with tarfile.open(tmp_path / "data", mode) as archive:
        for i in range(40):
            add_to_tar(archive, f"{'ab'[i % 2]}/{i}.png", encoded(picture(i, 24, 24)))
    whole = (tmp_path / "data").read_bytes()
    (tmp_path / "data").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DataError, match="which (can't be read to its end: |is .* and can't be unpacked)"):
        inspect(tmp_path / "data", "archive")


def test_a_tar_that_ends_between_two_members(tmp_path):
    make_tar(tmp_path / "data", "w")
    with tarfile.open(tmp_path / "data") as archive:
        last = archive.getmembers()[-1]
    whole = (tmp_path / "data").read_bytes()
    (tmp_path / "data").write_bytes(whole[: last.offset])
    assert (
        "no mark of its end: if it was cut, members are missing"
        in inspect(tmp_path / "data", "archive").warnings[0]
    )
    damaged = whole[: last.offset] + b"\xff" * 512 + whole[last.offset + 512 :]
    (tmp_path / "data").write_bytes(damaged)
    with pytest.raises(DataError, match="its end: no member begins at byte [0-9,]+, where the last one ends"):
        inspect(tmp_path / "data", "archive")


def test_an_archive_at_an_address_that_does_not_answer():
    with pytest.raises(DataError, match="archive http://127.0.0.1:9/data.zip, which can't be read: "):
        inspect("http://127.0.0.1:9/data.zip", "archive")


def test_names_in_a_zip_that_does_not_say_how_they_are_written(tmp_path):
    """macOS writes UTF-8 without the flag that says so; old programs write what their country has."""
    for encoding, name in (("utf-8", "Größe"), ("latin-1", "Gr÷\u2580e")):
        path = tmp_path / f"{encoding}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for i in range(2):
                archive.writestr(f"cat/{i}.png", encoded(picture(i)))
                archive.writestr(f"{'X' * len('Größe'.encode(encoding))}/{i}.png", encoded(picture(9 + i)))
        path.write_bytes(
            path.read_bytes().replace(b"X" * len("Größe".encode(encoding)), "Größe".encode(encoding))
        )
        found = inspect(path, "archive")
        assert found.labels == {"": {"cat": 2, name: 2}}
        assert images_of(path, "archive", tmp_path)[f"{name}/1.png"].data == encoded(picture(10))
        told = [text for text in found.warnings if "read as code page 437, in 2 paths" in text]
        assert bool(told) == (encoding == "latin-1")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_of_members_with_one_name_the_last_counts(tmp_path, kind):
    path = tmp_path / "data"
    names = ["cat/0.png", "dog/0.png", "cat/0.png", "dog/1.png", "cat/1.png"]
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for i, name in enumerate(names):
                archive.writestr(name, encoded(picture(i)))
    else:
        with tarfile.open(path, "w") as archive:
            for i, name in enumerate(names):
                add_to_tar(archive, name, encoded(picture(i)))
    found = inspect(path, "archive")
    assert found.labels == {"": {"cat": 2, "dog": 2}}
    assert found.passed_over == {"members that a later one of the same name replaces": 1}
    assert images_of(path, "archive", tmp_path)["cat/0.png"].data == encoded(picture(2))


def test_links_in_a_tar(tmp_path):
    path = tmp_path / "data.tar"
    with tarfile.open(path, "w") as archive:
        add_to_tar(archive, "cat/early.png", type=tarfile.SYMTYPE, linkname="../blobs/abc")
        add_to_tar(archive, "blobs/abc", encoded(picture(1)))
        add_to_tar(archive, "dog/0.png", encoded(picture(2)))
        add_to_tar(archive, "cat/hard.png", type=tarfile.LNKTYPE, linkname="dog/0.png")
        add_to_tar(archive, "cat/broken.png", type=tarfile.SYMTYPE, linkname="none.png")
        add_to_tar(archive, "cat/directory", type=tarfile.SYMTYPE, linkname="../dog")
    images = images_of(path, "archive", tmp_path)
    assert images["cat/early.png"].data == encoded(picture(1))
    assert images["cat/hard.png"].data == images["dog/0.png"].data == encoded(picture(2))
    assert {source for source, image in images.items() if image.rejected} == {
        "cat/broken.png",
        "cat/directory",
    }


def test_archives_one_behind_the_other(tmp_path):
    for name in "ab":
        with tarfile.open(tmp_path / name, "w") as archive:
            for c in ("cat", "dog"):
                add_to_tar(archive, f"{c}/{name}.png", encoded(picture(ord(name))))
    (tmp_path / "data").write_bytes((tmp_path / "a").read_bytes() + (tmp_path / "b").read_bytes())
    found = inspect(tmp_path / "data", "archive")
    assert (found.num_images, len(found.warnings)) == (2, 1)
    assert found.warnings[0].startswith("more data stand behind the end of the archive")


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
def test_paths_that_lead_nowhere_are_explained(tmp_path, kind, name, hint):
    (tmp_path / "data").mkdir()
    (tmp_path / "data.zip").touch()
    (tmp_path / "data.csv").touch()
    with pytest.raises(DataError, match=f"{re.escape(hint)}$"):
        inspect(name.format(root=tmp_path), kind)

"""NumPy archives: names of arrays, types of pixels and labels, and what has no clear meaning."""

import os
import pathlib
import zipfile
from typing import Any

import numpy as np
import pytest

from tests.components.image_example_gen.support import picture
from tfx_contrastive.components.image_example_gen import DataError, IngestConfig, inspect_source
from tfx_contrastive.components.image_example_gen.adapters import adapter_for


def stack(num_images: Any, first_seed: Any = 0, channels: int = 3) -> Any:
    return np.stack([picture(first_seed + i, 6, 5, channels) for i in range(num_images)])


def config(path: Any, **source: Any) -> Any:
    return IngestConfig(source={"kind": "npz", "path": str(path), **source})


def adapter_of(path: Any, **source: Any) -> Any:
    return adapter_for(config(path, **source).source, 2**30)


def read(tmp_path: pathlib.Path, path: Any, **source: Any) -> Any:
    """Split -> pixels, and split -> labels, as a run reads them in chunks of four."""
    adapter: Any = adapter_of(path, **source)
    batches = [adapter.read(chunk) for chunk in adapter.chunks(str(tmp_path / "staging"), 4)]
    splits = {batch.split for batch in batches}
    pixels = {s: np.concatenate([b.pixels for b in batches if b.split == s]) for s in splits}
    return pixels, {s: [label for b in batches if b.split == s for label in b.labels] for s in splits}


def error(path: Any) -> Any:
    """What `run` and `validate` say: the same."""
    with pytest.raises(DataError) as listed:
        inspect_source(config(path))
    with pytest.raises(DataError) as sketched:
        adapter_of(path).sketch(100, 0)
    assert str(sketched.value) == str(listed.value)
    return str(listed.value)


Y = np.arange(6) % 2


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"),
        ("X_train", "Y_train", "X_valid", "Y_valid", "X_test", "Y_test"),
        ("train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"),
        ("trainX", "trainY", "validationX", "validationY", "testX", "testY"),
        ("xtrain", "ytrain", "xval", "yval", "xtest", "ytest"),
        ("train_set_x", "train_set_y", "dev_set_x", "dev_set_y", "test_set_x", "test_set_y"),
        ("train/images", "train/labels", "val/images", "val/labels", "test/images", "test/labels"),
    ],
)
def test_names_with_splits(tmp_path: pathlib.Path, names: Any) -> None:
    values = [stack(6), Y, stack(4, 10), Y[:4], stack(2, 20), Y[:2, np.newaxis]]
    np.savez_compressed(tmp_path / "a.npz", **dict(zip(names, values, strict=True)), ids=np.arange(6))
    found = inspect_source(config(tmp_path / "a.npz"))
    assert found.labels == {
        "train": {"0": 3, "1": 3},
        "eval": {"0": 2, "1": 2},
        "test": {"0": 1, "1": 1},
    }
    assert found.warnings == ["passed over the arrays ids (6,)"]
    pixels, labels = read(tmp_path, tmp_path / "a.npz")
    for split, images in (("train", values[0]), ("eval", values[2]), ("test", values[4])):
        np.testing.assert_array_equal(pixels[split], images)
    assert labels["train"] == ["0", "1"] * 3


@pytest.mark.parametrize(
    "names", [("images", "labels"), ("X", "y"), ("data", "target"), ("Images", "Label"), ("arr_0", "arr_1")]
)
def test_names_without_splits(tmp_path: pathlib.Path, names: Any) -> None:
    np.savez(tmp_path / "a.npz", **dict(zip(names, (stack(6), Y), strict=True)))
    assert inspect_source(config(tmp_path / "a.npz")).labels == {"": {"0": 3, "1": 3}}


@pytest.mark.parametrize(
    "stored",
    [
        lambda x: x.astype(np.int64),
        lambda x: x.astype(np.int16),
        lambda x: x.astype(np.uint16),
        lambda x: x.astype(np.uint16) * 257,
        lambda x: (x.astype(np.uint16) * 257).astype(">u2"),
        lambda x: x.astype(np.uint16) * 16,  # 12 bits
        lambda x: x.astype(np.float32),
        lambda x: x / 255,
        lambda x: (x / 255).astype(">f4"),
        lambda x: (x / 255).astype(np.float16),
        np.asfortranarray,
        lambda x: np.asfortranarray(x / 255),
        lambda x: x.transpose(0, 3, 1, 2).copy(),
    ],
)
def test_pixels(tmp_path: pathlib.Path, stored: Any) -> None:
    images = stack(6)
    images[5, 0, 0] = 0, 255, 255  # the range shows in one image only, of the second chunk
    np.savez(tmp_path / "a.npz", images=stored(images), labels=Y)
    inspect_source(config(tmp_path / "a.npz"))
    np.testing.assert_array_equal(read(tmp_path, tmp_path / "a.npz")[0][""], images)
    (batch,) = adapter_of(tmp_path / "a.npz").sketch(100, 0).images
    np.testing.assert_array_equal(batch.pixels, images)


def test_gray_and_two_levels(tmp_path: pathlib.Path) -> None:
    gray = stack(6, channels=1)
    np.savez(tmp_path / "a.npz", images=gray > 127, labels=Y)
    np.testing.assert_array_equal(read(tmp_path, tmp_path / "a.npz")[0][""][..., 0], (gray > 127) * 255)
    np.savez(tmp_path / "b.npz", images=gray[:, np.newaxis].repeat(1, 1), labels=Y)
    np.testing.assert_array_equal(read(tmp_path, tmp_path / "b.npz")[0][""][..., 0], gray)


def test_as_many_bits_in_every_split(tmp_path: pathlib.Path) -> None:
    train, test = stack(6).astype(np.uint16) * 16, stack(2, 9).astype(np.uint16)
    np.savez(tmp_path / "a.npz", x_train=train, y_train=Y, x_test=test, y_test=Y[:2])
    pixels, _ = read(tmp_path, tmp_path / "a.npz")
    np.testing.assert_array_equal(pixels["train"], train >> 4)
    np.testing.assert_array_equal(pixels["test"], test >> 4)


@pytest.mark.parametrize(
    ("labels", "class_names", "expected"),
    [
        (np.array(["Größe 38", "", "a/b"]), [], ["Größe 38", None, "a/b"]),
        (np.array([b"x", b"", b"y"]), [], ["x", None, "y"]),
        (np.array([1.0, 0.0, -1.0], np.float32), [], ["1", "0", None]),
        (np.array([[1], [0], [-1]]), ["a", "b"], ["b", "a", None]),
        (np.array([True, False, True]), ["no", "yes"], ["yes", "no", "yes"]),
        (np.array([10, 5, 10], ">i8"), [], ["10", "5", "10"]),
    ],
)
def test_labels(tmp_path: pathlib.Path, labels: Any, class_names: Any, expected: Any) -> None:
    np.savez(tmp_path / "a.npz", images=stack(3), labels=labels)
    assert read(tmp_path, tmp_path / "a.npz", class_names=class_names)[1][""] == expected


def objects(values: Any) -> Any:
    array = np.empty(len(values), object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"foo": np.zeros(3)}, "the arrays foo (3,); expected images and labels, x_train"),
        ({"images": stack(3), "lables": Y[:3]}, "lables may be the labels: save it under such a name"),
        ({"images": stack(3), "X": stack(3)}, "with X and images, which may be the same"),
        ({"x_train": stack(3), "y_train": Y[:3], "y_test": Y}, "with the labels y_test, but no images"),
        ({"arr_0": stack(3), "arr_1": Y, "arr_2": stack(3)}, "whose names don't tell"),
        ({"images": stack(4).reshape(4, -1)}, "flat images? Save them with their height and width"),
        ({"images": np.zeros((3, 784), np.uint8)}, "Save images.reshape(3, 28, 28)."),
        ({"images": stack(3)[..., :2]}, "Two channels"),
        ({"images": stack(7).transpose(1, 2, 3, 0)}, "Save numpy.moveaxis(images, -1, 0)."),
        ({"images": objects([picture(i, 6 + i) for i in range(3)])}, "of type object, which is stored as a"),
        ({"images": stack(3).astype(complex)}, "complex numbers"),
        ({"images": stack(3), "labels": np.zeros(2, int)}, "with 2 values for 3 images"),
        ({"images": stack(3), "labels": np.array(1)}, "with a single value for 3 images"),
        ({"images": stack(3), "labels": objects(["a", "b", "a"])}, "save labels.astype(str)"),
        ({"images": stack(3), "labels": np.eye(3)}, "one-hot vectors: save labels.argmax(axis=1)"),
        ({"images": stack(3), "labels": np.eye(3, dtype=int)}, "one-hot vectors"),
        (
            {"images": stack(3), "labels": np.array([[1, 0], [1, 1], [0, 1]])},
            "Image 1 has 2 ones: these",
        ),
        ({"images": stack(3), "labels": np.array([[0.1, 0.9]] * 3)}, "Are these scores?"),
        ({"images": stack(3), "labels": np.array([0, 0.5, 1])}, "0.5 for image 1; expected whole numbers"),
        ({"images": stack(3), "labels": np.array([0, np.nan, 1])}, "nan for image 1; expected whole numbers"),
        ({"images": stack(3).astype(np.int64) + 1}, "type int64 with values from "),
        ({"images": stack(3).astype(np.int16) - 128}, "type int16 with values from -1"),
        ({"images": stack(3) / 127.5 - 1}, "scaled to [-1, 1]: store (x + 1) / 2"),
        ({"images": (stack(3) - 128.0) / 50}, "standardized"),
        ({"images": stack(3) / 16.0}, "expected values in [0, 1], or in [0, 255]"),
        ({"images": np.zeros((3, 0, 5), np.uint8)}, "of shape (3, 0, 5); expected"),
        ({"images": np.zeros((24, 20, 3), np.uint8)}, "Is this one image? Save images[None]"),
        ({"images": np.where(stack(3) > 250, np.nan, 0.5)}, "values that are NaN or infinite"),
        (
            {"x_train": stack(3) / 255, "y_train": Y[:3], "x_test": stack(3) * 1.0, "y_test": Y[:3]},
            "expected all in [0, 1], or all in [0, 255]",
        ),
    ],
)
def test_what_has_no_clear_meaning_is_refused_by_name(
    tmp_path: pathlib.Path, content: Any, text: str
) -> None:
    if content.get("images") is not None and content["images"].dtype == np.int64:
        content["images"][0, 0, 0] = 256
    np.savez(tmp_path / "a.npz", **content)
    found = error(tmp_path / "a.npz")
    assert text in found
    assert str(tmp_path / "a.npz") in found


def test_an_object_array_is_never_unpickled(tmp_path: pathlib.Path) -> None:
    class Malicious:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "hacked"),)

    np.savez(tmp_path / "a.npz", images=stack(2), labels=objects([Malicious(), Malicious()]))
    error(tmp_path / "a.npz")
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("begin", "middle", "end", "text"),
    [
        (0, b"", 500, "which is a zip file without its end, cut or still being written"),
        (0, b'{"images": []}', 0, "which is JSON; expected a NumPy archive"),
        (0, b"", 0, "which is an empty file"),
        (400, bytes(200), None, "is damaged: "),
    ],
)
def test_damaged_and_foreign_files(
    tmp_path: pathlib.Path, begin: Any, middle: Any, end: Any, text: str
) -> None:
    np.savez(tmp_path / "a.npz", images=stack(9) / 255, labels=np.arange(9) % 2)
    data = (tmp_path / "a.npz").read_bytes()
    rest = data[:end] if end is not None else data[begin + len(middle) :]
    (tmp_path / "a.npz").write_bytes(data[:begin] + middle + rest)
    with pytest.raises(DataError, match=text):
        inspect_source(config(tmp_path / "a.npz"))


@pytest.mark.parametrize("type_name", ["uint8", "float32"])
@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((9, 12, 16, 3), "there; expected"),
        ((-9, 12, 16), "there; expected"),
        ((10**11, 28, 28), "there; expected 78,4|there; expected 313,6"),
    ],
)
def test_arrays_shorter_than_their_headers_say(
    tmp_path: pathlib.Path, type_name: Any, shape: Any, text: str
) -> None:
    header = {"descr": np.dtype(type_name).str, "fortran_order": False, "shape": shape}
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, archive.open("images.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]  # NumPy's
        file.write(bytes(1000))
    with pytest.raises(DataError, match=f"bytes are {text}.*Save or copy the archive again"):
        inspect_source(config(tmp_path / "a.npz"))
    assert "bytes are there" in error(tmp_path / "a.npz")


def test_class_names_that_name_nothing(tmp_path: pathlib.Path) -> None:
    np.savez(tmp_path / "a.npz", images=stack(3), labels=np.array(["x", "", "y"]))
    with pytest.raises(DataError, match=r"that are text, such as 'x', which is none of .*class_names \('a'"):
        inspect_source(config(tmp_path / "a.npz", class_names=["a", "b"]))
    assert inspect_source(config(tmp_path / "a.npz", class_names=["y", "x"])).class_names == ("x", "y")
    with pytest.raises(ValueError, match="that of class 1 is empty"):
        config(tmp_path / "a.npz", class_names=["a", " "])
    with pytest.raises(ValueError, match="got several times: a"):
        config(tmp_path / "a.npz", class_names=["a", "b", "a"])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_sketch_of_a_large_archive_reads_some_images(tmp_path: pathlib.Path, save: Any) -> None:
    images = np.zeros((3000, 160, 160, 1), np.uint8)  # 77 MB
    images[:, 0, 0, 0] = np.arange(3000) % 251 + 1
    labels = np.arange(3000) % 2
    save(tmp_path / "a.npz", images=images, labels=labels)
    sketch = adapter_of(tmp_path / "a.npz").sketch(80, 0)
    assert sketch.listing.labels == {"": {"0": 1500, "1": 1500}}
    (batch,) = sketch.images
    positions = [int(source.split("/")[1]) for source in batch.sources]
    assert len(positions) == len(set(positions)) == 80
    np.testing.assert_array_equal(batch.pixels, images[positions])
    assert batch.labels == [str(position % 2) for position in positions]
    if save is np.savez:
        assert {0, 2999} <= set(positions)

"""IDX, digits and Fashion-MNIST: arrays, their labels and splits."""

import functools
import gzip
import hashlib
import http.server
import pathlib
import struct
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.components.image_example_gen.support import picture, write
from tfx_contrastive.components.image_example_gen import DataError, IngestConfig, inspect_source
from tfx_contrastive.components.image_example_gen.adapters import adapter_for, known_data_sets
from tfx_contrastive.components.image_example_gen.config import FashionMnistSource
from tfx_contrastive.contract.errors import DownloadError


def idx(values: Any) -> Any:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def stack(num_images: Any, first_seed: Any = 0) -> Any:
    return np.stack([picture(first_seed + i, 6, 5, 1) for i in range(num_images)])


def config(kind: str, path: Any, **source: Any) -> Any:
    return IngestConfig(source={"kind": kind, "path": str(path), **source})


def batches(ingest: Any, tmp_path: pathlib.Path, chunk_images: Any = 4) -> Any:
    adapter = adapter_for(ingest.source, 2**30)
    return [adapter.read(chunk) for chunk in adapter.chunks(str(tmp_path / "staging"), chunk_images)]


def write_idx(root: Any, compressed: Any = True) -> None:
    content = {
        "train-images-idx3-ubyte": stack(10),
        "train-labels-idx1-ubyte": np.arange(10, dtype=np.uint8) % 2,
        "t10k-images-idx3-ubyte": stack(3, 100),
        "t10k-labels-idx1-ubyte": np.array([1, 0, 1], np.uint8),
    }
    root.mkdir(exist_ok=True)
    for name, values in content.items():
        data = gzip.compress(idx(values)) if compressed else idx(values)
        (root / (f"{name}.gz" if compressed else name)).write_bytes(data)


@pytest.mark.parametrize("compressed", [True, False])
def test_idx(tmp_path: pathlib.Path, compressed: Any) -> None:
    write_idx(tmp_path / "data", compressed)
    ingest = config("idx", tmp_path / "data", class_names=["shoe", "T-shirt/top"])
    assert inspect_source(ingest).labels == {
        "test": {"T-shirt/top": 2, "shoe": 1},
        "train": {"T-shirt/top": 5, "shoe": 5},
    }
    read = batches(ingest, tmp_path)
    assert [(b.split, len(b.pixels)) for b in read] == [("test", 3), ("train", 4), ("train", 4), ("train", 2)]
    np.testing.assert_array_equal(np.concatenate([b.pixels for b in read[1:]])[..., 0], stack(10))
    assert read[3].sources == ["train/8", "train/9"]
    assert read[3].labels == ["shoe", "T-shirt/top"]


def put_idx(root: Any, *names: Any) -> None:
    """Writes `<name>-images…` or `<name>-labels…` files of four images."""
    root.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        is_images = "images" in name.lower()
        values = stack(4, 10 * i) if is_images else np.arange(4, dtype=np.uint8) % 2
        (root / name).write_bytes(idx(values))


def pair(prefix: Any) -> Any:
    return f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("train", "test"),
    [("emnist-letters-train", "emnist-letters-test"), ("Train", "T10K"), ("kmnist_train", "kmnist_t10k")],
)
def test_idx_splits_of_longer_names_below_a_directory(tmp_path: pathlib.Path, train: Any, test: Any) -> None:
    put_idx(tmp_path / "MNIST" / "raw", *pair(train), *pair(test))
    found = inspect_source(config("idx", tmp_path))
    assert found.labels == {"train": {"0": 2, "1": 2}, "test": {"0": 2, "1": 2}}


def test_idx_of_several_data_sets(tmp_path: pathlib.Path) -> None:
    for name in ("emnist-digits", "emnist-letters"):
        put_idx(tmp_path, *pair(f"{name}-train"), *pair(f"{name}-test"))
    with pytest.raises(
        DataError, match="several data sets: emnist-digits, emnist-letters.*prefix: emnist-let"
    ):
        inspect_source(config("idx", tmp_path))
    found = inspect_source(config("idx", tmp_path, prefix="emnist-letters-"))
    assert found.labels == {"train": {"0": 2, "1": 2}, "test": {"0": 2, "1": 2}}


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ((*pair("train"), "t10k-images-idx3-ubyte"), "t10k-images-idx3-ubyte has no labels of the same name"),
        ((*pair("train"), "t10k-labels-idx1-ubyte"), "t10k-labels-idx1-ubyte has no images of the same name"),
        (("train-images-idx3-ubyte", "trian-labels-idx1-ubyte"), "trian-labels-idx1-ubyte has no images"),
    ],
)
def test_idx_files_that_do_not_go_together(tmp_path: pathlib.Path, files: Any, text: str) -> None:
    put_idx(tmp_path, *files)
    with pytest.raises(DataError, match=text):
        inspect_source(config("idx", tmp_path))


def test_idx_images_meant_without_labels_and_a_packed_copy(tmp_path: pathlib.Path) -> None:
    put_idx(tmp_path, *pair("train"), "unlabeled-images-idx3-ubyte")
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(stack(9))))
    found = inspect_source(config("idx", tmp_path))
    assert (found.labels, found.unlabeled) == ({"train": {"0": 2, "1": 2}}, {"": 4})


def test_idx_files_as_browsers_and_kaggle_leave_them(tmp_path: pathlib.Path) -> None:
    """Unpacked under their packed name or the other way round, each in a directory of its own."""
    images, labels = pair("train")
    content = {
        f"{images}.gz/{images}.gz": idx(stack(4)),
        f"{labels}/{labels}": gzip.compress(idx(np.arange(4) % 2 == 0)),
        "t10k-images/t10k-images.idx3-ubyte": gzip.compress(idx(stack(2, 50))),
        "t10k-labels/t10k-labels.idx1-ubyte": idx(np.arange(2, dtype=np.uint8)),
    }
    for name, data in content.items():
        write(tmp_path / name, data)
    ingest = config("idx", tmp_path)
    assert inspect_source(ingest).labels == {"train": {"0": 2, "1": 2}, "test": {"0": 1, "1": 1}}
    read = batches(ingest, tmp_path)
    np.testing.assert_array_equal(read[0].pixels[..., 0], stack(2, 50))
    assert read[1].labels == ["1", "0", "1", "0"]
    write(tmp_path / "other" / images, idx(stack(4)))
    write(tmp_path / "again" / images, idx(stack(4)))
    with pytest.raises(DataError, match="IDX files of the same names in several directories"):
        inspect_source(ingest)


def test_idx_labels_of_another_kind_are_not_left_out(tmp_path: pathlib.Path) -> None:
    put_idx(tmp_path, "qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int")
    with pytest.raises(DataError, match="labels qmnist-train-labels-idx2-int are of another kind"):
        inspect_source(config("idx", tmp_path))


def test_idx_without_labels(tmp_path: pathlib.Path) -> None:
    (tmp_path / "all-images-idx3-ubyte").write_bytes(idx(stack(4)))
    found = inspect_source(config("idx", tmp_path))
    assert (found.labels, found.unlabeled) == ({}, {"": 4})


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("train-labels-idx1-ubyte", idx(np.zeros(9, np.uint8)), "9 labels for 10 images"),
        ("train-images-idx3-ubyte", b"PK\x03\x04", "is a zip file .*; expected the header of an IDX file"),
        ("train-images-idx3-ubyte", b"<!DOCTYPE html>", "is HTML; expected the header of an IDX file"),
        ("train-labels-idx1-ubyte", b"", "is an empty file; expected the header"),
        ("train-labels-idx1-ubyte", bytes.fromhex("00000d01"), "starts with 00000d01; expected the header"),
        ("train-images-idx3-ubyte", idx(stack(10))[:10], "ends within its header"),
    ],
)
def test_idx_errors(tmp_path: pathlib.Path, name: str, data: Any, text: str) -> None:
    write_idx(tmp_path, compressed=False)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=text):
        inspect_source(config("idx", tmp_path))


def test_idx_directory_without_images(tmp_path: pathlib.Path) -> None:
    (tmp_path / "readme.txt").write_text("x")
    with pytest.raises(DataError, match=r"no file is named .*; found readme\.txt"):
        inspect_source(config("idx", tmp_path))


def test_digits(tmp_path: pathlib.Path) -> None:
    from sklearn import datasets

    ingest = IngestConfig(source={"kind": "digits"})
    assert inspect_source(ingest).class_names == tuple("0123456789")
    read = batches(ingest, tmp_path, 1000)
    pixels = np.concatenate([b.pixels for b in read])[..., 0]
    expected = datasets.load_digits()
    np.testing.assert_allclose(pixels / 255 * 16, expected.images, atol=0.04)
    assert [label for b in read for label in b.labels] == [str(value) for value in expected.target]


@pytest.fixture
def server(tmp_path: pathlib.Path) -> Iterator[Any]:
    """Serves `tmp_path/served`; returns its address."""
    root = tmp_path / "served"
    root.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield root, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_download(tmp_path: pathlib.Path, server: Any) -> None:
    root, url = server
    (root / "a.gz").write_bytes(b"content")
    good = hashlib.md5(b"content").hexdigest()
    known_data_sets.download(url, {"a.gz": good}, str(tmp_path / "cache"))
    assert (tmp_path / "cache" / "a.gz").read_bytes() == b"content"
    (root / "a.gz").unlink()
    known_data_sets.download(url, {"a.gz": good}, str(tmp_path / "cache"))  # it is there already
    (root / "b.gz").write_bytes(b"other")
    with pytest.raises(DownloadError, match=f"MD5 is .*, expected {good}"):
        known_data_sets.download(url, {"b.gz": good}, str(tmp_path / "cache"))
    with pytest.raises(DownloadError, match="404"):
        known_data_sets.download(url, {"c.gz": good}, str(tmp_path / "cache"))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["a.gz"]


def test_fashion_mnist_is_looked_up_in_order(tmp_path: pathlib.Path, server: Any) -> None:
    _, url = server
    source = FashionMnistSource(cache_dir=str(tmp_path / "cache"), url=url)
    debian = str(tmp_path / "debian")
    with pytest.raises(DataError) as caught:
        known_data_sets.find_fashion_mnist(source, debian, "no-such-package-anywhere")
    lines = str(caught.value).splitlines()
    assert f"1. {debian}" in lines[1]
    assert f"2. {tmp_path / 'cache'}" in lines[2]
    assert "3. Debian package no-such-package-anywhere: " in lines[3]
    assert f"4. {url}/train-images" in lines[4]
    assert "404" in lines[4]
    write_idx(tmp_path / "cache")
    assert known_data_sets.find_fashion_mnist(source, debian) == str(tmp_path / "cache")
    write_idx(tmp_path / "debian")
    assert known_data_sets.find_fashion_mnist(source, debian) == debian
    write_idx(tmp_path / "mine", compressed=False)
    named = FashionMnistSource(path=str(tmp_path / "mine"))
    assert known_data_sets.find_fashion_mnist(named, debian) == str(tmp_path / "mine")


def test_fashion_mnist_directory_with_a_typo_is_not_replaced_by_another() -> None:
    with pytest.raises(DataError, match="no train-images-idx3-ubyte.gz"):
        inspect_source(IngestConfig(source={"kind": "fashion_mnist", "path": "/no/such/directory"}))

"""TFRecord files: compression, other files beside them, labels and keys."""

import base64
import json
import pathlib
from typing import Any

import numpy as np
import pytest

from tests.components.image_example_gen.support import example, picture, png, write, write_records
from tfx_contrastive.components.image_example_gen import DataError, IngestConfig, inspect_source
from tfx_contrastive.components.image_example_gen.adapters import adapter_for
from tfx_contrastive.contract.errors import Reason


def config(path: Any, **source: Any) -> Any:
    return IngestConfig(source={"kind": "tfrecord", "path": str(path), **source})


def images(ingest: Any) -> Any:
    adapter: Any = adapter_for(ingest.source, 2**20)
    return [image for chunk in adapter.chunks("", 2) for image in adapter.read(chunk)]


def labels(tmp_path: pathlib.Path, values: Any, **source: Any) -> Any:
    """The labels that are read where records have these in the key `label`."""
    records = [
        example(image=png(i), **({} if value is None else {"label": value})) for i, value in enumerate(values)
    ]
    write_records(tmp_path / "x", records)
    ingest = config(tmp_path / "x", **source)
    inspect_source(ingest)
    return [image.label for image in images(ingest)]


def error(tmp_path: pathlib.Path, records: Any, **source: Any) -> Any:
    write_records(tmp_path / "x", records)
    with pytest.raises(DataError) as caught:
        inspect_source(config(tmp_path / "x", **source))
    return str(caught.value)


def test_tfrecord(tmp_path: pathlib.Path) -> None:
    data = [png(i) for i in range(4)]
    write_records(
        tmp_path / "data" / "Split-train" / "x.gz",
        [example(image=data[0], label=1), example(image=data[1], label=-1), example(image=data[3], label=0)],
        "GZIP",
    )
    write_records(
        tmp_path / "data" / "test" / "y",
        [example(image=data[2], label="b/ß"), example(label=0), b"\xff\xff"],
    )
    ingest = config(tmp_path / "data", class_names=["a", "b/ß"])
    found = inspect_source(ingest)
    assert found.labels == {"train": {"a": 1, "b/ß": 1}, "test": {"b/ß": 1}}
    assert found.unlabeled == {"train": 1}
    assert [(i.source, i.label, i.split, i.data, i.rejected and i.rejected[1]) for i in images(ingest)] == [
        ("Split-train/x.gz/0", "b/ß", "train", data[0], None),
        ("Split-train/x.gz/1", None, "train", data[1], None),
        ("Split-train/x.gz/2", "a", "train", data[3], None),
        ("test/y/0", "b/ß", "test", data[2], None),
        ("test/y/1", "a", "test", b"", "0 values of 'image'; expected one"),
        ("test/y/2", None, "test", b"", "not a tf.train.Example"),
    ]


def test_what_spark_and_others_leave_beside_the_records_is_passed_over(tmp_path: pathlib.Path) -> None:
    for i in range(2):
        write_records(tmp_path / f"part-r-0000{i}", [example(image=png(i), label=str(i))])
    write_records(tmp_path / "part-r-00002", [])  # a part without a record
    write(tmp_path / "_SUCCESS", b"")
    write(tmp_path / "part-r-00000.crc", b"crc\0\0\0\2\0")
    write(tmp_path / "dataset_info.json", json.dumps({"name": "x"}).encode())
    write(tmp_path / "label.labels.txt", b"a\nb\n")
    assert [image.source for image in images(config(tmp_path))] == ["part-r-00000/0", "part-r-00001/0"]
    assert inspect_source(config(tmp_path)).labels == {"": {"0": 1, "1": 1}}


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("part-r-00001", b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        ("part-r-00001", bytes(600), "a file of zeros"),
        ("x.tfrecord-00001-of-00002", b"PAR1\x15\x04", "a Parquet file"),
        ("part-r-00001", b"\x05\x06\x07\x80" * 200, "no TFRecord file"),
    ],
)
def test_a_lost_part_is_not_passed_over(tmp_path: pathlib.Path, name: str, content: Any, found: Any) -> None:
    write_records(tmp_path / "part-r-00000", [example(image=png(i), label=str(i)) for i in range(4)])
    write(tmp_path / name, content)
    with pytest.raises(DataError, match=f"{name}, which is {found}"):
        inspect_source(config(tmp_path))


def test_a_directory_of_another_format_is_named(tmp_path: pathlib.Path) -> None:
    (tmp_path / "part-0.parquet").write_bytes(b"PAR1\x15\x04")
    (tmp_path / "_SUCCESS").write_bytes(b"")
    with pytest.raises(DataError, match="no file is a TFRecord file .*part-0.parquet: a Parquet file"):
        inspect_source(config(tmp_path))


@pytest.mark.parametrize(
    ("values", "source", "read"),
    [
        (["cat", "dog", None, ""], {}, ["cat", "dog", None, None]),
        ([0, 1, -1, []], {}, ["0", "1", None, None]),
        ([0.0, 2.0, -1.0], {}, ["0", "2", None]),
        ([1.0, 0], {"class_names": ["a", "b"]}, ["b", "a"]),
        (["cat", "dog"], {"label_feature": ""}, [None, None]),
    ],
)
def test_labels(tmp_path: pathlib.Path, values: Any, source: Any, read: Any) -> None:
    assert labels(tmp_path, values, **source) == read


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([b"cat", b"indoor"], "2 values ('cat', 'indoor'); expected one class. Several labels"),
        ([0, 1, 0], "3 values (0, 1, 0); expected one class. This looks like a one-hot vector"),
        (
            [1.0, 1.0, 0.0],
            "3 values (1, 1, 0); expected one class. This looks like a multi-hot vector with 2",
        ),
        ([3, 5], "2 values (3, 5); expected one class. Several labels"),
        (0.25, "the number 0.25; expected one class"),
        (float("nan"), "the number nan; expected one class"),
        (b"\xe4pfel", "which is not UTF-8"),
        (7, "the label 7, but data.source.class_names has 2 names"),
    ],
)
def test_a_label_that_is_none_is_told_with_file_record_and_key(
    tmp_path: pathlib.Path, value: Any, text: str
) -> None:
    records = [example(image=png(0), label=0), example(image=png(1), label=value)]
    found = error(tmp_path, records, class_names=["a", "b"])
    assert f"{tmp_path}/x, whose record 1 (counted from 0) has the key 'label' with " in found
    assert text in found


def test_keys_of_imagenet_are_guessed(tmp_path: pathlib.Path) -> None:
    features = [
        {"image__encoded": png(i), "image__class__label": i, "image__class__text": "cat", "image__height": 12}
        for i in range(3)
    ]
    found = error(tmp_path, [example(**each) for each in features])
    assert (
        "their keys: image/class/label (int64), image/class/text (bytes), "
        "image/encoded (bytes: encoded images), image/height (int64)." in found
    )
    assert "set data.source.image_feature to it, and data.source.label_feature to 'image/class/text'" in found
    assert [
        image.label
        for image in images(
            config(tmp_path / "x", image_feature="image/encoded", label_feature="image/class/label")
        )
    ] == ["0", "1", "2"]


def test_a_label_under_another_key_is_no_reason_to_train_without_labels(tmp_path: pathlib.Path) -> None:
    records = [example(**{"image": png(i), "class": "cat", "id": i}) for i in range(3)]
    found = error(tmp_path, records)
    assert "no record has the key 'label'" in found
    assert "'class' may be the label" in found
    assert "no record has the key 'lable'" in error(tmp_path, records, label_feature="lable")
    assert inspect_source(config(tmp_path / "x", label_feature="")).unlabeled == {"": 3}


def test_records_without_anything_like_a_label_are_unlabeled(tmp_path: pathlib.Path) -> None:
    write_records(tmp_path / "x", [example(image=png(i), id=i) for i in range(3)])
    assert inspect_source(config(tmp_path / "x")).unlabeled == {"": 3}
    with pytest.raises(DataError, match="no record has the key 'label'"):
        inspect_source(config(tmp_path / "x", label_feature="label"))


@pytest.mark.parametrize(
    ("features", "text"),
    [
        (
            {"image": picture(1, 8, 8).tobytes(), "height": 8, "width": 8},
            "192 bytes of raw pixels (8x8x3), not an encoded image",
        ),
        ({"image": picture(1, 8, 8).tobytes()}, "192 bytes of raw pixels (8x8x3)"),
        (
            {"image_raw": picture(1, 6, 4).tobytes(), "height": 6, "width": 4, "depth": 3},
            "'image_raw' holds 72 bytes of raw pixels (6x4x3)",
        ),
        ({"image": picture(1, 8, 8).ravel().tolist()}, "'image' holds 192 int64 values: pixels"),
        ({"image": np.linspace(0, 1, 64).tolist()}, "'image' holds 64 float values: pixels"),
        ({"image": "photos/1.jpg"}, "the text 'photos/1.jpg', not the bytes of an image"),
        ({"image": base64.b64encode(png(1))}, "an image as base64 text"),
        ({"image": [png(1), png(2)]}, "2 values of 'image'; expected one"),
    ],
)
def test_what_is_no_encoded_image_is_named(tmp_path: pathlib.Path, features: Any, text: str) -> None:
    found = error(tmp_path, [example(label=i % 2, **features) for i in range(3)])
    assert "no record has an image that can be used in the key 'image'" in found
    assert text in found


def test_sequence_examples(tmp_path: pathlib.Path) -> None:
    import tensorflow as tf

    frame = tf.train.Feature(bytes_list=tf.train.BytesList(value=[png(1)]))
    frames = tf.train.FeatureLists(feature_list={"image": tf.train.FeatureList(feature=[frame, frame])})
    found = error(tmp_path, [tf.train.SequenceExample(feature_lists=frames).SerializeToString()])
    assert "a SequenceExample with a list in 'image'" in found
    assert "their keys: image (sequence)" in found


def test_a_record_without_image_is_set_aside(tmp_path: pathlib.Path) -> None:
    write_records(tmp_path / "x", [example(image=[] if i == 1 else png(i), label=i % 2) for i in range(4)])
    assert inspect_source(config(tmp_path / "x")).labels == {"": {"0": 2, "1": 1}}
    rejected = [image.rejected for image in images(config(tmp_path / "x"))]
    assert rejected == [None, (Reason.UNREADABLE, "0 values of 'image'; expected one"), None, None]


def test_labels_that_only_some_records_have_so_are_told(tmp_path: pathlib.Path) -> None:
    write_records(tmp_path / "a", [example(image=png(k), label=k) for k in range(3)])
    write_records(tmp_path / "b", [example(image=png(9), label="cat"), example(image=png(8), lable=1)])
    ingest = config(tmp_path)
    assert inspect_source(ingest).labels == {"": {"0": 1, "1": 1, "2": 1, "cat": 1}}
    assert inspect_source(ingest).warnings == [
        "1 of 5 records that were read have no key 'label', and count as unlabeled; 'lable' may be the "
        "label of some",
        "the key 'label' holds text in 1 records and numbers in 3; each counts as the name of a class",
    ]


@pytest.mark.parametrize("key", ["lable", "Label", "lbl", "image__labl", "class_"])
def test_a_misspelt_label_is_no_reason_to_train_without_labels(tmp_path: pathlib.Path, key: Any) -> None:
    found = error(tmp_path, [example(**{"image": png(i), key: i}) for i in range(3)])
    assert f"{key.replace('__', '/')!r} may be the label" in found

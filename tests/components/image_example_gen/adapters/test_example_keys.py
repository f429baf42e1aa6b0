"""The keys of Examples: types, likely images and labels, what stands instead of an image."""

import pathlib
from typing import Any

import pytest

from tests.components.image_example_gen.support import example, png
from tfx_contrastive.components.examples import tfrecords
from tfx_contrastive.components.image_example_gen.adapters.example_keys import KeyCensus, what_instead


def census(*records: bytes) -> KeyCensus:
    found = KeyCensus()
    for record in records:
        found.add(tfrecords.parse(record))
    return found


def instead(data: bytes, **features: Any) -> str | None:
    parsed = tfrecords.parse(example(image=data, **features))
    assert parsed is not None
    return what_instead(data, parsed.features.feature)


def test_keys_are_described_with_their_types() -> None:
    found = census(
        example(image__encoded=png(1), image__class__label=3, score=0.5, box=[1, 2, 3]),
        example(image__encoded=png(2), image__class__label="cat", empty=[]),
        b"\xff\xff\xff\xff",
    )
    assert found.num_records == 3
    assert found.described() == (
        "box (int64, up to 3 values), empty (bytes), image/class/label (bytes or int64), "
        "image/encoded (bytes: encoded images), score (float)"
    )
    assert census().described() == "none"


@pytest.mark.parametrize(
    ("features", "image", "label"),
    [
        ({"image__encoded": png(1), "image__class__label": 1}, "image/encoded", "image/class/label"),
        ({"image__encoded": png(1), "image__class__label": 1, "image__class__text": "a"}, "image/encoded",
         "image/class/text"),  # text before numbers
        ({"jpeg": png(1), "lable": 1}, "jpeg", "lable"),
        ({"photo": png(1), "y": 2, "height": 3}, "photo", "y"),
        ({"photo": png(1), "labels": [1, 2], "target": 2}, "photo", "target"),  # one value before several
        ({"x": 1}, None, None),
    ],
)  # fmt: skip
def test_likely_keys(features: dict[str, Any], image: str | None, label: str | None) -> None:
    found = census(example(**features))
    assert found.likely_image() == image
    assert found.likely_label(image or "image") == label


@pytest.mark.parametrize(
    ("data", "features", "told"),
    [
        (png(1), {}, None),
        (b"", {}, None),
        (b"iVBORw0KGgoAAAA", {}, "an image as base64 text"),
        (bytes(range(1, 101)), {"height": 10, "width": 10}, r"100 bytes of raw pixels \(10x10x1\)"),
        (bytes([1]) * 48, {"height": 4, "width": 4, "channels": 3}, r"raw pixels \(4x4x3\)"),
        (bytes([1]) * 192, {}, r"raw pixels \(8x8x3\)"),
        (b"images/1.png", {}, "the text 'images/1.png', not the bytes of an image"),
        (bytes([1]) * 191, {}, None),
    ],
)
def test_what_stands_instead_of_an_image(data: bytes, features: Any, told: str | None) -> None:
    import re

    found = instead(data, **features)
    assert found is None if told is None else re.search(told, found or "")


def test_other_content_of_an_image_key_is_noted() -> None:
    found = census(example(image="images/1.png"), example(image="images/2.png"))
    assert found.other_images == {"image": "the text 'images/1.png', not the bytes of an image"}
    assert found.likely_image() is None


def test_a_sequence_example_has_keys_of_sequences(tmp_path: pathlib.Path) -> None:
    import tensorflow as tf

    sequence = tf.train.SequenceExample()
    sequence.feature_lists.feature_list["frames"].feature.add().bytes_list.value.append(png(1))
    assert census(sequence.SerializeToString()).described() == "frames (sequence)"

"""Lists are made from embeddings, written to a file, and read again by ImageExampleGen."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.components.tiny_models import digit_images, embed_with, image_id, random_kernel, write_examples
from tfx_contrastive.components.embeddings import store, whitening
from tfx_contrastive.components.image_example_gen import labels_file
from tfx_contrastive.consumers.suggestions import choosing, lists
from tfx_contrastive.contract.errors import DataError

NUM = 400
SPLITS = ["train"] * 320 + ["eval"] * 40 + ["test"] * 40


def fit(batches: Any, ridge: float) -> whitening.Whitening:
    fitted = whitening.fit(batches, ridge)
    assert fitted is not None
    return fitted


def make(tmp_path: pathlib.Path, labels: Any) -> tuple[str, Any, Any]:
    """Embeddings of digits with the given labels, and their examples."""
    images, truth = digit_images(NUM)
    write_examples(tmp_path / "examples" / "all", images, [None] * NUM)
    values = {
        "image_id": [image_id(image) for image in images],
        "source": [f"digits/{row}" for row in range(NUM)],
        "split": SPLITS,
        "label": labels,
        "examples_file": ["all"] * NUM,
        "record": list(range(NUM)),
    }
    vectors = embed_with(random_kernel(1, 32), images)
    table = pa.table({**values, "vector": store.vector_column(vectors)}, schema=store.schema(32))
    uri = str(tmp_path / "embeddings")
    store.write_shard([table], f"{uri}/shards/all-00000-of-00001.parquet")
    counts = {split: SPLITS.count(split) for split in ("train", "eval", "test")}
    meta = store.Meta("f", 32, counts, counts, NUM, 0, str(tmp_path / "examples"), "model")
    store.write_meta(meta, uri)
    return uri, images, truth


def some_labels(truth: Any, num_train: int = 60) -> list[Any]:
    return [label if row < num_train or row >= 320 else None for row, label in enumerate(truth)]


def test_suggestions_are_unlabeled_training_images(tmp_path: pathlib.Path) -> None:
    _, truth = digit_images(NUM)
    uri, images, _ = make(tmp_path, some_labels(truth))
    found = lists.suggestions(uri, 20, 0)
    positions = [int(line.source.split("/")[1]) for line in found.lines]
    assert len(set(positions)) == 20
    assert all(60 <= position < 320 for position in positions)
    assert [line.image_id for line in found.lines] == [image_id(images[p]) for p in positions]
    assert {(line.label, line.split) for line in found.lines} == {("", "train")}
    assert {line.guess for line in found.lines} <= set(truth)
    assert found.num_candidates == 260
    assert set(found.images()) == {line.image_id for line in found.lines}


def test_suggestions_compare_as_the_index_does(tmp_path: pathlib.Path) -> None:
    _, truth = digit_images(NUM)
    uri, _, _ = make(tmp_path, some_labels(truth))
    as_they_are = lists.suggestions(uri, 20, 0)
    _, vectors = store.read_all(uri)
    fitted = fit([vectors[:320]], 0.1)
    fitted.save(uri)
    space = store.Space(fitted.fingerprint, "as configured")
    store.write_meta(dataclasses.replace(store.read_meta(uri), space=space), uri)
    found = lists.suggestions(uri, 20, 0)
    whitened = fitted.apply(vectors)
    expected = choosing.choose(whitened[60:320], whitened[:60], np.array(truth[:60], object), 20, 0)
    assert [int(line.source.split("/")[1]) - 60 for line in found.lines] == expected.rows.tolist()
    assert {line.source for line in found.lines} != {line.source for line in as_they_are.lines}


def test_labels_of_eval_and_test_decide_nothing(tmp_path: pathlib.Path) -> None:
    _, truth = digit_images(NUM)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = lists.suggestions(make(tmp_path / "a", some_labels(truth))[0], 20, 0)
    other = [label if row < 320 else "digit 0" for row, label in enumerate(some_labels(truth))]
    assert lists.suggestions(make(tmp_path / "b", other)[0], 20, 0).lines == first.lines


def test_before_the_first_label_eval_and_test_get_a_random_share(tmp_path: pathlib.Path) -> None:
    uri, _, _ = make(tmp_path, [None] * NUM)
    found = lists.suggestions(uri, 50, 0)
    assert [line.split for line in found.lines].count("train") == 40
    assert {line.guess for line in found.lines} == {""}
    assert lists.to_csv(found.lines, "uncertainty").splitlines()[1].startswith(",,,digits/")
    measured = {line.source for line in found.lines if line.split != "train"}
    again = {line.source for line in lists.suggestions(uri, 50, 1).lines if line.split != "train"}
    assert len(measured) == len(again) == 10
    assert measured != again


def test_nothing_to_suggest_is_told(tmp_path: pathlib.Path) -> None:
    _, truth = digit_images(NUM)
    uri, _, _ = make(tmp_path, truth)
    with pytest.raises(ValueError, match="Every image of train has a label already"):
        lists.suggestions(uri, 10, 0)


def test_errors_are_listed_with_the_label_that_stands_and_a_proposal(tmp_path: pathlib.Path) -> None:
    _, truth = digit_images(NUM)
    labels = list(truth)
    wrong = np.random.default_rng(0).choice(NUM, 10, replace=False).tolist()
    for row in wrong:
        labels[row] = "digit 1" if truth[row] != "digit 1" else "digit 2"
    uri, _, _ = make(tmp_path, labels)
    found = lists.suspects(uri, 10, 0)
    rows = [int(line.source.split("/")[1]) for line in found.lines]
    assert len(set(rows) & set(wrong)) >= 5  # by chance a quarter of one
    assert [line.label for line in found.lines] == [labels[row] for row in rows]
    assert all(line.guess != line.label for line in found.lines)
    assert found.num_candidates == NUM


def test_the_file_is_what_ingest_takes(tmp_path: pathlib.Path) -> None:
    _, truth = digit_images(NUM)
    uri, _, _ = make(tmp_path, some_labels(truth))
    lines = lists.suggestions(uri, 5, 0).lines
    path = tmp_path / "suggestions.csv"
    path.write_text(lists.to_csv(lines, "uncertainty"))
    with pytest.raises(DataError, match="without label or image_id in these lines: 2, 3, 4, 5, 6;"):
        labels_file.read(str(path))
    path.write_text(path.read_text().replace("\n,", "\ndigit 3,"))
    assert labels_file.read(str(path)).labels == {line.image_id: "digit 3" for line in lines}

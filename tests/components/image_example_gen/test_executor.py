"""The executor on Beam for real: exact contents of examples and quarantine."""

import io
import os
import pathlib
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn import datasets

from tests.components.image_example_gen.support import (
    encoded,
    image_folder,
    picture,
    read_examples,
    read_quarantine,
    run_ingest,
    write,
)
from tfx_contrastive.components.image_example_gen import DataError, IngestConfig


def folder(path: Any, **options: Any) -> Any:
    return IngestConfig(source={"kind": "image_folder", "path": str(path)}, **options)


def by_source(examples: Any) -> Any:
    return {
        example["source"].decode(): (split, example) for split, rows in examples.items() for example in rows
    }


def test_digits(tmp_path: pathlib.Path) -> None:
    config = IngestConfig(source={"kind": "digits"}, labels_per_class=5, chunk_images=500)
    artifact, quarantine = run_ingest(config, tmp_path)
    examples = read_examples(artifact.uri)
    bunch = datasets.load_digits()
    found = by_source(examples)
    assert sorted(found) == sorted(f"digits/{i}" for i in range(1797))
    for i in range(0, 1797, 37):
        split, example = found[f"digits/{i}"]
        pixels = np.asarray(Image.open(io.BytesIO(example["image"])))
        np.testing.assert_array_equal(pixels, np.rint(bunch.images[i] * 255 / 16))
        assert (example["height"], example["width"], example["channels"]) == (8, 8, 1)
        assert example["num_bytes"] == len(example["image"])
        assert example["brightness"] == pytest.approx(pixels.mean() / 255, abs=1e-5)
        assert split == "train" or example["label"].decode() == str(bunch.target[i])
        assert example.get("label", str(bunch.target[i]).encode()).decode() == str(bunch.target[i])
    budget = [example["label"] for example in examples["train"] if "label" in example]
    assert sorted(budget) == sorted(str(i % 10).encode() for i in range(50))
    sizes = {split: len(rows) for split, rows in examples.items()}
    assert 100 < sizes["eval"] < 260
    assert artifact.split_names == '["train", "eval", "test"]'
    assert {split: artifact.get_int_custom_property(f"num_{split}") for split in sizes} == sizes
    assert artifact.get_int_custom_property("num_train_labeled") == 50
    assert artifact.get_int_custom_property("num_classes") == 10
    assert quarantine.get_int_custom_property("num_read") == 1797
    assert sorted(os.listdir(f"{artifact.uri}/Split-train")) == [
        f"data_tfrecord-{i:05d}-of-00004" for i in range(4)
    ]
    assert not os.path.exists(f"{artifact.uri}/staging")


def test_messy_folder(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "data"
    names = ["Größe 38, rot", "hoch hackig"]
    image_folder(root, names, 40)
    image_folder(root, ["unlabeled"], 5, first_seed=5000)
    bad = {
        "Größe 38, rot/cut.png": (encoded(picture(90, 50, 50))[:900], "truncated"),
        "Größe 38, rot/text.png": (b"hello", "not_an_image"),
        "Größe 38, rot/lie.png": (encoded(picture(91), "JPEG"), "wrong_extension"),
        "hoch hackig/empty.png": (b"", "empty_file"),
        "hoch hackig/dot.png": (encoded(picture(92, 1, 1)), "blank"),
        "hoch hackig/big.png": (encoded(picture(93, 200, 300, 1)), "over_pixel_limit"),
    }
    for name, (data, _) in bad.items():
        write(root / name, data)
    os.symlink("/etc/passwd", root / "unlabeled" / "passwd.png")
    write(root / names[0] / "copy.png", encoded(picture(3)))  # the picture of 3.png
    write(root / names[1] / "contradiction.png", encoded(picture(4)))  # 4.png of the other
    artifact, quarantine = run_ingest(folder(root, max_bad_fraction=0.2, max_pixels=50_000), tmp_path / "out")
    records, summary = read_quarantine(quarantine.uri)
    expected = {name: why for name, (_, why) in bad.items()} | {"unlabeled/passwd.png": "outside_root"}
    assert {source: record["reason"] for source, record in records.items()} == expected
    for source, record in records.items():
        if record["sample"]:
            with open(f"{quarantine.uri}/{record['sample']}", "rb") as file:
                assert file.read() == bad[source][0]
    assert [source for source, record in records.items() if not record["sample"]] == [
        "hoch hackig/empty.png",
        "unlabeled/passwd.png",
    ]
    assert summary["read"] == 40 * 2 + 5 + 7 + 2
    assert summary["set_aside"] == dict.fromkeys(sorted(expected.values()), 1)
    assert summary["duplicates"] == {"same_split": 2, "across_splits": 0, "conflicting_labels": 1}
    found = by_source(read_examples(artifact.uri))
    assert len(found) == 85
    for source, (split, example) in found.items():
        assert example["image"] == (root / source).read_bytes()
        label = source.partition("/")[0]
        known = label != "unlabeled" and source != f"{names[0]}/4.png"
        assert example.get("label", b"").decode() == (label if known else "")
        assert split == "train" or known
    assert {each: quarantine.get_int_custom_property(f"num_{each}") for each in expected.values()} == (
        dict.fromkeys(expected.values(), 1)
    )
    assert quarantine.get_int_custom_property("num_duplicates") == 2


def test_too_many_bad_images(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "data"
    image_folder(root, ["cat", "dog"], 45)
    for i in range(10):
        write(root / "cat" / f"bad{i}.png", encoded(picture(i, 40, 40))[:500])
    with pytest.raises(DataError) as caught:
        run_ingest(folder(root), tmp_path / "out")
    text = str(caught.value)
    assert "10 of 100 images" in text
    assert "10.0%" in text
    assert "Most frequent: truncated 10." in text
    assert "cat/bad0.png: truncated" in text
    kept = str(tmp_path / "out" / "quarantine-refused")  # TFX removes a failed node's own outputs
    assert text.endswith(f"\nEvery image that was set aside, with its reason: {kept}/records.jsonl")
    records, summary = read_quarantine(kept)
    assert len(records) == 10
    assert text.startswith(summary["error"])
    assert os.listdir(tmp_path / "out" / "quarantine") == []
    assert read_examples(str(tmp_path / "out" / "examples")) == {}


def test_ten_percent_bad_are_fine_where_allowed(tmp_path: pathlib.Path) -> None:
    root = tmp_path / "data"
    image_folder(root, ["cat", "dog"], 45)
    for i in range(10):
        write(root / "cat" / f"bad{i}.png", b"\x89PNG")
    artifact, _ = run_ingest(folder(root, max_bad_fraction=0.1), tmp_path / "out")
    assert sum(map(len, read_examples(artifact.uri).values())) == 90


def test_empty_folder(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match="holds no file"):
        run_ingest(folder(tmp_path), tmp_path / "out")


def test_class_that_is_all_bad_leaves_one_class(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "data", ["cat"], 40)
    write(tmp_path / "data" / "dog" / "0.png", b"")
    with pytest.raises(DataError, match=r"one class only \('cat'\)") as caught:
        run_ingest(folder(tmp_path / "data"), tmp_path / "out")
    assert "No usable image of 'dog' is left: the model will not know this class." in str(caught.value)


def test_a_class_without_a_usable_image_is_named_and_the_others_go_on(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "data", ["cat", "cow"], 40)
    write(tmp_path / "data" / "dog" / "0.png", b"")
    artifact, quarantine = run_ingest(folder(tmp_path / "data"), tmp_path / "out")
    _, summary = read_quarantine(quarantine.uri)
    assert summary["classes_lost"] == ["dog"]
    assert summary["warnings"] == ["No usable image of 'dog' is left: the model will not know this class."]
    assert artifact.get_int_custom_property("num_classes") == 2


def test_a_latin_1_name_look_alikes_and_what_is_passed_over_come_to_the_summary(
    tmp_path: pathlib.Path,
) -> None:
    root = tmp_path / "data"
    image_folder(root, ["Gemüse", "gemüse"], 20)
    latin = os.path.join(os.fsencode(root), "Früchte".encode("latin-1"))
    os.mkdir(latin)
    for i in range(20):
        with open(os.path.join(latin, b"%d.png" % i), "wb") as file:
            file.write(encoded(picture(7000 + i)))
    write(root / "README.txt", b"vegetables")
    write(root / "Gemüse" / "Thumbs.db", b"x")
    examples, quarantine = run_ingest(folder(root), tmp_path)
    rows = [row for rows in read_examples(examples.uri).values() for row in rows]
    assert sorted({row["label"].decode() for row in rows}) == ["Früchte", "Gemüse", "gemüse"]
    assert len(rows) == 60
    _, summary = read_quarantine(quarantine.uri)
    assert summary["set_aside"] == {}
    assert summary["passed_over"] == {".txt files": 1, "system files": 1}
    assert [text[:45] for text in summary["warnings"]] == [
        "names that are not UTF-8 are read as Latin-1,",
        "the classes 'Gemüse' and 'gemüse' differ only",
    ]


def test_no_labels_at_all(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "data", ["unlabeled"], 60)
    artifact, _ = run_ingest(folder(tmp_path / "data"), tmp_path / "out")
    examples = read_examples(artifact.uri)
    assert set(examples) == {"train", "eval", "test"}
    assert not any("label" in example for rows in examples.values() for example in rows)
    assert artifact.get_int_custom_property("num_classes") == 0


def contents(uri: Any) -> Any:
    """File -> examples as sorted items; the order of a map's entries in the bytes is not fixed."""
    return {split: [sorted(each.items()) for each in rows] for split, rows in read_examples(uri).items()}


def test_same_again_and_in_other_chunks(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "data", ["cat", "dog", "unlabeled"], 40)
    runs = [
        run_ingest(folder(tmp_path / "data", labels_per_class=4, chunk_images=size), tmp_path / str(i))[0]
        for i, size in enumerate((1000, 1000, 7))
    ]
    first, second, third = (contents(run.uri) for run in runs)
    assert first == second == third


@pytest.mark.slow
def test_two_worker_processes_write_the_same(tmp_path: pathlib.Path) -> None:
    config = IngestConfig(source={"kind": "digits"}, labels_per_class=5, chunk_images=300)
    one, _ = run_ingest(config, tmp_path / "one")
    two, _ = run_ingest(
        config, tmp_path / "two", ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    )
    assert contents(one.uri) == contents(two.uri)
    assert sorted(os.listdir(f"{one.uri}/Split-train")) == sorted(os.listdir(f"{two.uri}/Split-train"))

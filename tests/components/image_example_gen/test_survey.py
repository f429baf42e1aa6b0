"""What `validate` finds in a source before a run: a sample of the images, what the splits will hold."""

import pathlib
from typing import Any

import pytest

from tests.components.image_example_gen.support import (
    example,
    image_folder,
    png,
    run_ingest,
    write,
    write_records,
)
from tfx_contrastive.components.image_example_gen import DataError, IngestConfig
from tfx_contrastive.components.image_example_gen.forecast import expected_splits
from tfx_contrastive.components.image_example_gen.survey import survey_source

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><circle r="4"/></svg>'


def folder(path: Any, **options: Any) -> Any:
    return IngestConfig(source={"kind": "image_folder", "path": str(path)}, **options)


def foretold(survey: Any, ingest: Any) -> Any:
    return expected_splits(survey.inspection, ingest, survey.usable_share, survey.is_exact)


def test_a_folder_of_good_images(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["a", "b"], 50)
    found = survey_source(folder(tmp_path))
    assert (found.num_looked_at, found.is_whole, found.bad_share) == (100, True, 0)
    assert not found.rejections
    assert not found.unusable_classes
    assert foretold(found, folder(tmp_path)) == {
        "train": (80, 80, False),
        "eval": (10, 10, False),
        "test": (10, 10, False),
    }
    limited = folder(tmp_path, labels_per_class=5)
    assert foretold(survey_source(limited), limited)["train"] == (80, 10, False)


def test_splits_of_the_source_are_certain(tmp_path: pathlib.Path) -> None:
    for split, per_class in (("train", 20), ("val", 4), ("test", 6)):
        image_folder(tmp_path / split, ["a", "b"], per_class, first_seed=per_class * 100)
    image_folder(tmp_path / "train", ["unlabeled"], 7, first_seed=9000)
    assert foretold(survey_source(folder(tmp_path)), folder(tmp_path)) == {
        "train": (47, 40, True),
        "eval": (8, 8, True),
        "test": (12, 12, True),
    }


def test_images_without_labels(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["unlabeled"], 50)
    assert foretold(survey_source(folder(tmp_path)), folder(tmp_path)) == {
        "train": (40, 0, False),
        "eval": (5, 0, False),
        "test": (5, 0, False),
    }


def test_drawings_that_are_no_images_are_refused(tmp_path: pathlib.Path) -> None:
    for name in ("a", "b"):
        for i in range(400):
            write(tmp_path / name / f"{i}.svg", SVG)
    with pytest.raises(DataError) as caught:
        survey_source(folder(tmp_path))
    assert "about 100.0% of the images would be set aside, but at most 5.0% may be" in str(caught.value)
    assert "for example a/" in str(caught.value) or "for example b/" in str(caught.value)


def test_some_bad_images_are_told_with_reason_and_example(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["a", "b"], 50)
    write(tmp_path / "a" / "49.png", b"")
    write(tmp_path / "b" / "3.png", (tmp_path / "b" / "3.png").read_bytes()[:200])
    found = survey_source(folder(tmp_path))
    assert found.bad_share == pytest.approx(0.02)
    assert {reason: (each.count, each.source) for reason, each in found.rejections.items()} == {
        "empty_file": (1, "a/49.png"),
        "truncated": (1, "b/3.png"),
    }
    with pytest.raises(DataError, match="2.0% of the images would be set aside, but at most 1.0% may be"):
        survey_source(folder(tmp_path, max_bad_fraction=0.01))


def test_a_class_without_a_usable_image_is_named_in_a_large_folder(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["a", "b"], 400)
    for i in range(3):
        write(tmp_path / "c" / f"{i}.png", b"no image at all")
    found = survey_source(folder(tmp_path))
    assert not found.is_whole
    looked, of = found.unusable_classes["c"]
    assert 2 <= looked <= of == 3
    assert set(found.unusable_classes) == {"c"}


def test_a_class_whose_first_and_last_image_are_bad_is_looked_into_once_more(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["a", "b"], 1200)
    image_folder(tmp_path, ["c"], 9, first_seed=90_000)
    for name in ("c/0.png", "c/8.png"):
        write(tmp_path / name, b"no image at all")
    found = survey_source(folder(tmp_path))
    assert not found.unusable_classes
    assert found.rejections["not_an_image"].count == 2
    assert found.bad_share < 0.01


def test_one_class_that_is_left_is_refused(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path, ["a"], 50)
    write(tmp_path / "b" / "1.png", b"no image at all")
    with pytest.raises(DataError, match="no image of 'b' can be used.* one class only"):
        survey_source(folder(tmp_path))


def test_a_test_split_without_labels_is_refused(tmp_path: pathlib.Path) -> None:
    image_folder(tmp_path / "train", ["a", "b"], 10)
    image_folder(tmp_path / "test", ["unlabeled"], 5, first_seed=5000)
    with pytest.raises(DataError, match="own split test has no labeled image"):
        survey_source(folder(tmp_path))


def test_only_a_test_split_is_refused(tmp_path: pathlib.Path) -> None:
    write_records(tmp_path / "test" / "x", [example(image=png(i), label=i % 2) for i in range(4)])
    source = {"kind": "tfrecord", "path": str(tmp_path)}
    with pytest.raises(DataError, match="4 images, all of them in test; expected images to train on"):
        survey_source(IngestConfig(source=source))


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_large_tfrecord_files_are_sampled(
    tmp_path: pathlib.Path, compression: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfx_contrastive.components.image_example_gen.adapters.tfrecord._WHOLE_BYTES", 1000)
    for shard in range(3):
        records = [example(image=png(shard * 1000 + i), label=i // 100) for i in range(400)]
        write_records(tmp_path / "train" / f"x-{shard}", records, compression)
    records = [example(image=png(9000 + i), label=i % 4) for i in range(200)]
    write_records(tmp_path / "test" / "x", records, compression)
    ingest = IngestConfig(source={"kind": "tfrecord", "path": str(tmp_path)})
    found = survey_source(ingest)
    assert not found.is_exact
    assert 200 <= found.num_looked_at <= 260
    train, test = (sum(found.inspection.labels[split].values()) for split in ("train", "test"))
    assert train == pytest.approx(1200, rel=0.15)
    assert test == pytest.approx(200, rel=0.15)
    if not compression:
        assert set(found.inspection.labels["train"]) == {"0", "1", "2", "3"}
        assert train == pytest.approx(1200, abs=4)  # rounded
        assert test == pytest.approx(200, abs=4)
    assert not foretold(found, ingest)["test"][2]


def test_a_cut_file_among_large_ones_is_told(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfx_contrastive.components.image_example_gen.adapters.tfrecord._WHOLE_BYTES", 1000)
    write_records(tmp_path / "x", [example(image=png(i), label=i % 2) for i in range(100)])
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:-100])
    with pytest.raises(DataError, match="damaged behind 99 whole records"):
        survey_source(IngestConfig(source={"kind": "tfrecord", "path": str(tmp_path / "x")}))


def test_arrays(tmp_path: pathlib.Path) -> None:
    found = survey_source(IngestConfig(source={"kind": "digits"}))
    assert found.inspection.num_images == 1797
    assert found.num_looked_at >= 256
    assert found.bad_share == 0


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (("test/a", "test/b"), "The source's own split test has no labeled image that can be used"),
        (("train/b",), "1 of 2 classes in eval or test, but none in train: 'b'"),
    ],
)
def test_a_class_or_split_of_bad_images_only_is_refused(tmp_path: pathlib.Path, bad: Any, told: Any) -> None:
    """As a run refuses it, which must not carve a test split out of train where the source has its own."""
    (tmp_path / "run").mkdir()
    for split in ("train", "val", "test"):
        image_folder(tmp_path / "data" / split, ["a", "b"], 4, first_seed=ord(split[-1]) * 100)
    for name in bad:
        for path in (tmp_path / "data" / name).iterdir():
            path.write_bytes(b"no image")
    config = folder(tmp_path / "data", max_bad_fraction=0.9)
    with pytest.raises(DataError, match=told):
        survey_source(config)
    with pytest.raises(DataError, match=told):
        run_ingest(config, tmp_path / "run")

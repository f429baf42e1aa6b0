"""The quarantine: limits, counts, lost classes, and the images that are kept."""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tfx_contrastive.components.image_example_gen import IngestConfig, quarantine
from tfx_contrastive.components.image_example_gen.records import Duplicates, SetAside, StagedChunk
from tfx_contrastive.components.image_example_gen.splits import SplitPlan
from tfx_contrastive.contract.errors import DataError, Reason


def config(**options: Any) -> IngestConfig:
    return IngestConfig.model_validate({"source": {"kind": "image_folder", "path": "/images"}, **options})


def chunk(labels: Sequence[str | None], set_aside: Sequence[SetAside] = (), deepest: int = 0) -> StagedChunk:
    sources = [f"{i}.png" for i in range(len(labels))]
    ids = np.zeros((len(labels), 32), np.uint8)
    return StagedChunk(0, "", ids, labels, [""] * len(labels), sources, set_aside, deepest=deepest)


def bad(source: str, reason: Reason = Reason.BLANK, **values: Any) -> SetAside:
    return SetAside(source, reason, "all pixels are the same", **values)


def test_a_source_within_the_limit_goes_on() -> None:
    quarantine.check_bad_fraction([chunk(["a"] * 19, [bad("x")])], config(max_bad_fraction=0.05))
    quarantine.check_bad_fraction([chunk(["a"])], config(max_bad_fraction=0))


def test_too_many_bad_images_are_told_with_reasons_and_examples() -> None:
    aside = [bad("x"), bad("y"), bad("z", Reason.TRUNCATED)]
    with pytest.raises(DataError) as caught:
        quarantine.check_bad_fraction([chunk(["a"] * 7, aside)], config(max_bad_fraction=0.2))
    told = str(caught.value)
    assert told.startswith("3 of 10 images of image folder /images can't be used (30.0%); at most 20.0% may")
    assert "Most frequent: blank 2, truncated 1." in told
    assert "\n  x: blank, all pixels are the same\n" in told


def test_nothing_read_and_nothing_usable_are_errors() -> None:
    with pytest.raises(DataError, match="which holds no image"):
        quarantine.check_bad_fraction([chunk([])], config())
    with pytest.raises(DataError, match="1 of 1 images"):
        quarantine.check_bad_fraction([chunk([], [bad("x")])], config(max_bad_fraction=1))


def test_the_summary_counts_everything() -> None:
    chunks = [chunk(["cat", "dog", None, "cat"], [bad("x", label="bird"), bad("y", Reason.TRUNCATED)], 4095)]
    plan = SplitPlan(
        np.array([0, 1, 0, -1], np.int8),
        np.array([0, 1, -1, 0], np.int32),
        ("cat", "dog"),
        Duplicates(1, 2, 3),
        4,
        5,
        6,
    )
    assert quarantine.summarize(chunks, plan) == {
        "read": 6,
        "set_aside": {"blank": 1, "truncated": 1},
        "error": "",
        "deepest_value": 4095,
        "classes_lost": ["bird"],
        "written": {
            "train": {"images": 2, "labeled": {"cat": 1}, "unlabeled": 1},
            "eval": {"images": 1, "labeled": {"dog": 1}, "unlabeled": 0},
            "test": {"images": 0, "labeled": {}, "unlabeled": 0},
        },
        "duplicates": {"same_split": 1, "across_splits": 2, "conflicting_labels": 3},
        "labels_hidden": 4,
        "labels_given": 5,
        "unlabeled_dropped": 6,
        "groups": 0,
        "group_warnings": [],
        "classes_absent": {"eval": ["cat"], "test": ["cat"]},
    }


def test_a_summary_of_an_earlier_version_is_read(tmp_path: pathlib.Path) -> None:
    text = '{"written": {"train": {"labelled": {"labelled": 1}, "unlabelled": 2}}, "unlabelled_dropped": 3}'
    (tmp_path / "summary.json").write_text(text)
    assert quarantine.read_summary(str(tmp_path)) == {
        "written": {"train": {"labeled": {"labelled": 1}, "unlabeled": 2}},
        "unlabeled_dropped": 3,
    }


def test_a_failed_ingest_has_a_short_summary() -> None:
    assert quarantine.summarize([chunk(["a"])], None, "why") == {
        "read": 1,
        "set_aside": {},
        "error": "why",
        "deepest_value": 0,
    }


def test_classes_without_an_image_are_lost() -> None:
    chunks = [chunk(["cat", None], [bad("x", label="bird"), bad("y", label="ant"), bad("z")])]
    assert quarantine.lost_classes(chunks) == ["ant", "bird"]
    assert quarantine.lost_classes(chunks, {"bird"}) == ["ant", "cat"]
    assert quarantine.lost_text(["ant"]) == (
        "No usable image of 'ant' is left: the model will not know this class."
    )
    assert "and 2 more is left: the model will not know these classes" in quarantine.lost_text(
        list("abcdefg")
    )


def test_records_and_images_are_written(tmp_path: pathlib.Path) -> None:
    staged = tmp_path / "staged"
    staged.write_bytes(b"GIF")
    aside = [bad("a/ä b.gif", Reason.TRUNCATED, digest="12", sample=str(staged)), bad("c.gif")]
    quarantine.write(str(tmp_path / "q"), [chunk([], aside)], {"read": 2})
    lines = (tmp_path / "q/records.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {
            "source": "a/ä b.gif",
            "reason": "truncated",
            "detail": "all pixels are the same",
            "digest": "12",
            "sample": "images/000-truncated-__b.gif",
        },
        {
            "source": "c.gif",
            "reason": "blank",
            "detail": "all pixels are the same",
            "digest": "",
            "sample": "",
        },
    ]
    assert (tmp_path / "q/images/000-truncated-__b.gif").read_bytes() == b"GIF"
    assert quarantine.read_summary(str(tmp_path / "q")) == {"read": 2}


def test_every_reason_gets_its_turn_among_the_kept_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "MAX_SAMPLES", 3)
    aside = [bad(f"{i}.png", sample=f"s{i}") for i in range(5)]
    aside.append(bad("t.png", Reason.TRUNCATED, sample="t"))
    assert quarantine._chosen_samples(aside) == {
        "s0": "images/000-blank-0.png",
        "t": "images/001-truncated-t.png",
        "s1": "images/002-blank-1.png",
    }


@pytest.mark.parametrize(
    ("duplicates", "told"),
    [
        (Duplicates(), ""),
        (Duplicates(1200), "Copies: 1,200 copies of pictures were left out."),
        (Duplicates(0, 2, 3), "Copies: 2 copies were left out because test or eval has the same picture; 3 "),
    ],
)
def test_copies_are_told_as_a_sentence(duplicates: Duplicates, told: str) -> None:
    assert str(duplicates).startswith(told)
    assert bool(str(duplicates)) is bool(told)

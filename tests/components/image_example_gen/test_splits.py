"""Duplicates, splits, the label budget: decisions on metadata."""

import hashlib
from typing import Any

import numpy as np
import pytest

from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.components.image_example_gen.records import StagedChunk
from tfx_contrastive.components.image_example_gen.splits import plan_splits, unit_interval
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import SPLITS


def config(**options: Any) -> Any:
    return IngestConfig(source={"kind": "digits"}, **options)


def digest(name: str) -> Any:
    return np.frombuffer(hashlib.sha256(name.encode()).digest(), np.uint8)


def chunk(rows: Any, index: Any = 0) -> Any:
    """Rows of (picture, label, split)."""
    names, labels, splits = zip(*rows, strict=True)
    ids = np.stack([digest(name) for name in names])
    sources = [f"{index}/{i}" for i in range(len(rows))]
    return StagedChunk(index, f"chunk-{index}", ids, labels, splits, sources, ())


def decisions(plan: Any) -> Any:
    """(split or None, label or None) of each image."""
    return [
        (SPLITS[split] if split >= 0 else None, plan.class_names[label] if label >= 0 else None)
        for split, label in zip(plan.splits.tolist(), plan.labels.tolist(), strict=True)
    ]


MEASURED = [("e1", "a", "eval"), ("e2", "b", "eval"), ("t1", "a", "test"), ("t2", "b", "test")]


def after(rows: Any, **options: Any) -> Any:
    """Decisions on rows that stand beside a small eval and test split."""
    learnt = [("l1", "a", "train"), ("l2", "b", "train")]
    plan = plan_splits([chunk([*MEASURED, *learnt, *rows])], config(**options))
    return decisions(plan)[len(MEASURED) + 2 :], plan


def test_own_splits_are_kept() -> None:
    found, _ = after([(f"x{i}", "a", "train") for i in range(50)])
    assert found == [("train", "a")] * 50


def test_hash_decides_where_the_source_does_not() -> None:
    names = [f"p{i}" for i in range(400)]
    rows = [(name, "ab"[i % 2], "") for i, name in enumerate(names)]
    plan = plan_splits([chunk(rows)], config(eval_fraction=0.2, test_fraction=0.1))
    position = unit_interval(np.stack([digest(name) for name in names]))
    expected = ["test" if u < 0.1 else "eval" if u < 0.3 else "train" for u in position]
    assert [split for split, _ in decisions(plan)] == expected
    assert 50 < expected.count("eval") < 110


def test_source_with_a_test_set_gives_up_images_to_eval_only() -> None:
    rows = [(f"p{i}", "ab"[i % 2], "train") for i in range(300)]
    rows += [("t1", "a", "test"), ("t2", "b", "test")]
    found = decisions(plan_splits([chunk(rows)], config()))
    assert {split for split, _ in found[:300]} == {"train", "eval"}
    assert found[300:] == [("test", "a"), ("test", "b")]


def test_order_and_chunks_change_nothing() -> None:
    rows = [(f"p{i}", "ab"[i % 2], "") for i in range(200)]
    whole = decisions(plan_splits([chunk(rows)], config(labels_per_class=5)))
    parts = [chunk(rows[start : start + 60], start // 60) for start in range(0, 200, 60)]
    assert decisions(plan_splits(parts, config(labels_per_class=5))) == whole
    backwards = decisions(plan_splits([chunk(rows[::-1])], config(labels_per_class=5)))
    assert backwards[::-1] == whole


def test_more_images_move_no_other_image() -> None:
    rows = [(f"p{i}", "ab"[i % 2], "") for i in range(200)]
    few = decisions(plan_splits([chunk(rows)], config()))
    more = [*rows, *((f"q{i}", "a", "") for i in range(100))]
    assert decisions(plan_splits([chunk(more)], config()))[:200] == few


def test_copies_in_one_split_are_left_out() -> None:
    found, plan = after([("x", "a", "train"), ("x", "a", "train"), ("x", None, "train")])
    assert found == [("train", "a"), (None, "a"), (None, None)]
    assert plan.duplicates.same_split == 2


def test_a_copy_with_a_label_wins() -> None:
    found, _ = after([("x", None, "train"), ("x", "b", "train")])
    assert [pair for pair in found if pair[0]] == [("train", "b")]


def test_a_copy_across_splits_stays_where_it_measures() -> None:
    found, plan = after([("x", "a", "train"), ("x", "a", "test"), ("x", "a", "eval")])
    assert [split for split, _ in found] == [None, "test", None]
    assert (plan.duplicates.same_split, plan.duplicates.across_splits) == (0, 2)


def test_a_copy_across_splits_may_be_an_error() -> None:
    with pytest.raises(DataError, match=r"same picture .* 0/6 \(train\), 0/7 \(test\)"):
        after([("x", "a", "train"), ("x", "a", "test")], cross_split_duplicates="error")


def test_a_picture_with_two_labels_is_kept_for_pretraining_only() -> None:
    found, plan = after([("x", "a", "test"), ("x", "b", "test")])
    assert sorted(found, key=str) == sorted([("train", None), (None, "b")], key=str)
    assert plan.duplicates.conflicting_labels == 1


def test_unlabeled_images_do_not_measure() -> None:
    found, plan = after([("x", None, "eval"), ("y", None, "train"), ("z", None, "")])
    assert found == [(None, None), ("train", None), ("train", None)]
    assert plan.unlabeled_dropped == 1


def test_budget_hides_labels_of_training_images_only() -> None:
    rows = [(f"x{i}", "ab"[i % 2], "train") for i in range(40)]
    found, plan = after(rows, labels_per_class=3)
    kept = [label for split, label in decisions(plan) if split == "train" and label]
    assert sorted(kept) == ["a"] * 3 + ["b"] * 3
    assert decisions(plan)[: len(MEASURED)] == [(split, label) for _, label, split in MEASURED]
    assert plan.labels_hidden == 36
    assert {split for split, _ in found} == {"train"}


def test_seed_chooses_other_labels_and_never_other_splits() -> None:
    rows = [(f"x{i}", "ab"[i % 2], "") for i in range(200)]
    plans = [plan_splits([chunk(rows)], config(labels_per_class=5, seed=seed)) for seed in (0, 0, 1)]
    assert decisions(plans[0]) == decisions(plans[1]) != decisions(plans[2])
    np.testing.assert_array_equal(plans[0].splits, plans[2].splits)


def test_a_budget_above_what_is_there_hides_nothing() -> None:
    assert after([("x", "a", "train")], labels_per_class=100)[1].labels_hidden == 0


def test_no_labels_at_all_splits_everything() -> None:
    plan = plan_splits([chunk([(f"p{i}", None, "") for i in range(300)])], config())
    found = decisions(plan)
    assert {split for split, _ in found} == {"train", "eval", "test"}
    assert {label for _, label in found} == {None}


def test_a_rare_class_keeps_its_training_image() -> None:
    rows = [(f"p{i}", "ab"[i % 2], "") for i in range(200)]
    position = unit_interval(np.stack([digest(f"r{i}") for i in range(100)]))
    rare = f"r{int(np.flatnonzero(position < 0.1)[0])}"  # by its hash it would go to test
    found = decisions(plan_splits([chunk([*rows, (rare, "rare", "")])], config()))
    assert found[-1] == ("train", "rare")


def test_one_class_only() -> None:
    with pytest.raises(DataError, match="one class only"):
        plan_splits([chunk([(f"p{i}", "a", "") for i in range(50)])], config())


def test_a_class_that_is_never_learnt() -> None:
    with pytest.raises(DataError, match="none in train: 'c'"):
        after([("x", "c", "test")])


def test_a_class_absent_from_eval_is_no_error() -> None:
    found, _ = after([("x", "c", "train"), ("y", "c", "test")])
    assert found == [("train", "c"), ("test", "c")]


def test_too_few_images_for_a_split() -> None:
    with pytest.raises(DataError, match="left for the split"):
        plan_splits([chunk([("p1", "a", ""), ("p2", "b", "")])], config())


def test_copies_that_empty_a_split_are_told() -> None:
    rows = [(name, label, split) for split in ("train", "test") for name, label in (("p", "a"), ("q", "b"))]
    with pytest.raises(
        DataError,
        match="left for the split train; .* Copies: 2 copies were left out because test or eval has",
    ):
        plan_splits([chunk(rows)], config())
    with pytest.raises(DataError, match="Copies: 1 copies .*; 1 pictures have several labels, of which none"):
        plan_splits([chunk([("p", "a", ""), ("p", "b", "")])], config())

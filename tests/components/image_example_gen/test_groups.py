"""Scenes, patients and bursts stay in one split."""

import collections
import dataclasses
import pathlib
from typing import Any

import pytest

from tests.components.image_example_gen.support import encoded, picture, read_examples, run_ingest, write
from tests.components.image_example_gen.test_splits import chunk, config, decisions
from tfx_contrastive.components.image_example_gen import IngestConfig
from tfx_contrastive.components.image_example_gen.groups import group_images
from tfx_contrastive.components.image_example_gen.splits import plan_splits
from tfx_contrastive.contract.errors import DataError


def shots(num_scenes: Any, per_scene: Any = 4, split: Any = "", hidden: Any = ()) -> Any:
    """A chunk of bursts: `<class>/<scene>_<shot>.jpg`; shots in `hidden` have no label."""
    rows = [
        (f"{scene}-{shot}", None if shot in hidden else "ab"[scene % 2], split)
        for scene in range(num_scenes)
        for shot in range(per_scene)
    ]
    sources = [
        f"{'ab'[scene % 2]}/{scene:03d}_{shot}.jpg"
        for scene in range(num_scenes)
        for shot in range(per_scene)
    ]
    return dataclasses.replace(chunk(rows), sources=sources)


def splits_of_scenes(plan: Any, per_scene: Any = 4) -> Any:
    found = [split for split, _ in decisions(plan)]
    return [set(found[start : start + per_scene]) for start in range(0, len(found), per_scene)]


@pytest.mark.parametrize("pattern", [r"^(\d+)_", r"/(\d+)_\d+\.jpg$"])
def test_a_scene_is_in_one_split(pattern: Any) -> None:
    scenes = splits_of_scenes(plan_splits([shots(200)], config(group_pattern=pattern)))
    assert all(len(splits) == 1 for splits in scenes)
    counts = {name: sum(splits == {name} for splits in scenes) for name in ("train", "eval", "test")}
    assert 120 < counts["train"] < 190
    assert min(counts.values()) > 5
    without = splits_of_scenes(plan_splits([shots(200)], config()))
    assert sum(len(splits) > 1 for splits in without) > 50


def test_new_scenes_move_no_other() -> None:
    few = splits_of_scenes(plan_splits([shots(100)], config(group_pattern=r"^(\d+)_")))
    many = splits_of_scenes(plan_splits([shots(200)], config(group_pattern=r"^(\d+)_")))
    assert many[:100] == few


def test_unlabeled_shots_go_with_their_scene() -> None:
    plan = plan_splits([shots(200, hidden=(1, 2))], config(group_pattern=r"^(\d+)_"))
    for splits in splits_of_scenes(plan):
        assert splits in ({"train"}, {"eval", None}, {"test", None})
    assert plan.unlabeled_dropped > 20


def test_patients_of_a_manifest_are_in_one_split(tmp_path: pathlib.Path) -> None:
    lines = []
    for number in range(240):
        write(tmp_path / "data" / f"{number}.png", encoded(picture(number)))
        lines.append(f"{number}.png,{'ab'[number % 2]},p{number // 4}")
    write(tmp_path / "data" / "list.csv", "\n".join(["path,label,patient", *lines]).encode())
    source = {"kind": "csv_manifest", "path": str(tmp_path / "data" / "list.csv")}
    artifacts = run_ingest(IngestConfig(source=source), tmp_path)
    splits = collections.defaultdict(set)
    for split, found in read_examples(artifacts[0].uri).items():
        for example in found:
            splits[int(example["source"].decode().split(".")[0]) // 4].add(split)
    assert len(splits) == 60
    assert all(len(each) == 1 for each in splits.values())
    assert set().union(*splits.values()) == {"train", "eval", "test"}


def test_images_in_no_group_are_where_they_would_be_without_groups() -> None:
    alone = dataclasses.replace(shots(50), groups=[""] * 200)
    assert decisions(plan_splits([alone], config())) == decisions(plan_splits([shots(50)], config()))


@pytest.mark.parametrize("pattern", [None, r"^\d+_(\d)"])
def test_the_column_counts_before_the_pattern(pattern: Any) -> None:
    grouped = dataclasses.replace(shots(200), groups=[f"scene {row // 4}" for row in range(800)])
    plan = plan_splits([grouped], config(group_pattern=pattern))
    assert all(len(splits) == 1 for splits in splits_of_scenes(plan))
    assert plan.groups is not None
    assert plan.groups.census.warnings() == (
        ["data.group_pattern is not used: the manifest has a column of groups"] if pattern else []
    )


def test_images_without_a_split_follow_their_group() -> None:
    """The source puts one shot of some scenes into its own splits and leaves the others to us."""
    rows = shots(90)
    own = {0: "test", 1: "eval", 2: "train"}
    splits = [own[row // 4 % 3] if row % 4 == 0 else "" for row in range(360)]
    plan = plan_splits([dataclasses.replace(rows, splits=splits)], config(group_pattern=r"^(\d+)_"))
    assert splits_of_scenes(plan) == [{own[scene % 3]} for scene in range(90)]
    assert plan.groups is not None
    assert plan.groups.census.num_straddling == 0


def test_too_few_groups_name_the_largest() -> None:
    one = dataclasses.replace(shots(20), groups=["p1"] * 80)
    with pytest.raises(
        DataError, match=r"split (test|eval).* groups to divide: 1, the largest 'p1' with 80 images"
    ):
        plan_splits([one], config())


def test_splits_of_the_source_are_kept_and_straddling_groups_told() -> None:
    chunks = [shots(30, split="train"), shots(5, split="test"), dataclasses.replace(shots(30), index=2)]
    for number, each in enumerate(chunks):
        each.image_ids[:, 0] += number  # other pictures of the same scenes
    plan = plan_splits(chunks, config(group_pattern=r"^(\d+)_"))
    assert plan.groups is not None
    groups = plan.groups.census
    assert groups.num_straddling == 5
    assert groups.straddling[0] == "000 in test and train"
    assert groups.warnings()[0].startswith("5 groups have images in several splits of the source")


def test_images_without_a_match_are_told() -> None:
    chunks = [shots(3), dataclasses.replace(shots(1), sources=["x", "y", "z", "w"])]
    found = group_images(chunks, r"^(\d+)_")
    assert found is not None
    groups = found.census
    assert (groups.num_groups, groups.num_without) == (3, 4)
    assert groups.warnings() == [
        "data.group_pattern does not match 4 images; each of them is a group of its own"
    ]


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(DataError, match=r"matches no image; expected one .* such as that of 'a/000_0.jpg'"):
        plan_splits([shots(4)], config(group_pattern="^(scene)"))


@pytest.mark.parametrize(("pattern", "message"), [("(", "regular expression"), ("abc", "one group in paren")])
def test_a_pattern_needs_one_group(pattern: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(group_pattern=pattern)

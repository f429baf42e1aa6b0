"""Scenes, patients and bursts stay in one split."""

import dataclasses

import pytest

from components.image_example_gen.errors import DataError
from components.image_example_gen.groups import group_images
from components.image_example_gen.splits import plan_splits
from tests.components.image_example_gen.test_splits import chunk, config, decisions


def shots(num_scenes, per_scene=4, split="", hidden=()):
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


def splits_of_scenes(plan, per_scene=4):
    found = [split for split, _ in decisions(plan)]
    return [set(found[start : start + per_scene]) for start in range(0, len(found), per_scene)]


@pytest.mark.parametrize("pattern", [r"^(\d+)_", r"/(\d+)_\d+\.jpg$"])
def test_a_scene_is_in_one_split(pattern):
    scenes = splits_of_scenes(plan_splits([shots(200)], config(group_pattern=pattern)))
    assert all(len(splits) == 1 for splits in scenes)
    counts = {name: sum(splits == {name} for splits in scenes) for name in ("train", "eval", "test")}
    assert 120 < counts["train"] < 190
    assert min(counts.values()) > 5
    without = splits_of_scenes(plan_splits([shots(200)], config()))
    assert sum(len(splits) > 1 for splits in without) > 50


def test_new_scenes_move_no_other():
    few = splits_of_scenes(plan_splits([shots(100)], config(group_pattern=r"^(\d+)_")))
    many = splits_of_scenes(plan_splits([shots(200)], config(group_pattern=r"^(\d+)_")))
    assert many[:100] == few


def test_unlabelled_shots_go_with_their_scene():
    plan = plan_splits([shots(200, hidden=(1, 2))], config(group_pattern=r"^(\d+)_"))
    for splits in splits_of_scenes(plan):
        assert splits in ({"train"}, {"eval", None}, {"test", None})
    assert plan.unlabelled_dropped > 20


def test_splits_of_the_source_are_kept_and_straddling_groups_told():
    chunks = [shots(30, split="train"), shots(5, split="test"), dataclasses.replace(shots(30), index=2)]
    for number, each in enumerate(chunks):
        each.image_ids[:, 0] += number  # other pictures of the same scenes
    groups = plan_splits(chunks, config(group_pattern=r"^(\d+)_")).groups
    assert groups.num_straddling == 5
    assert groups.straddling[0] == "000 in test and train"
    assert groups.warnings()[0].startswith("5 groups have images in several splits of the source")


def test_images_without_a_match_are_told():
    groups = group_images([shots(3), dataclasses.replace(shots(1), sources=["x", "y", "z", "w"])], r"^(\d+)_")
    assert (groups.num_groups, groups.num_without) == (3, 4)
    assert groups.warnings() == [
        "data.group_pattern does not match 4 images; each of them is a group of its own"
    ]


def test_a_pattern_that_matches_nothing_is_refused():
    with pytest.raises(DataError, match=r"matches no image; expected one .* such as that of 'a/000_0.jpg'"):
        plan_splits([shots(4)], config(group_pattern="^(scene)"))


@pytest.mark.parametrize(("pattern", "message"), [("(", "regular expression"), ("abc", "one group in paren")])
def test_a_pattern_needs_one_group(pattern, message):
    with pytest.raises(ValueError, match=message):
        config(group_pattern=pattern)

"""The choice of images to label: undecided and different ones, or typical ones without any label."""

from typing import Any

import numpy as np
import pytest

from tfx_contrastive.consumers.suggestions import choosing


def unit(vectors: Any) -> Any:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def blobs(centers: Any, per_blob: Any, spread: Any, seed: Any) -> tuple[Any, Any]:
    """Points around centers: vectors of length 1, and the blob of each."""
    generator = np.random.default_rng(seed)
    which = np.repeat(np.arange(len(centers)), per_blob)
    return unit(centers[which] + spread * generator.normal(size=(len(which), centers.shape[1]))), which


CENTERS = np.eye(6, 16)


def test_without_labels_every_cluster_gives_its_typical_image() -> None:
    vectors, which = blobs(CENTERS, 50, 0.1, 0)
    found = choosing.choose(vectors, vectors[:0], np.array([], object), 6, 0)
    assert sorted(which[found.rows]) == list(range(6))
    distances = np.linalg.norm(vectors - unit(CENTERS)[which], axis=1)
    assert distances[found.rows].max() < np.median(distances)
    assert found.guesses == ("",) * 6
    assert np.isnan(found.uncertainties).all()


def test_one_class_only_is_as_good_as_none() -> None:
    vectors, which = blobs(CENTERS, 20, 0.1, 0)
    found = choosing.choose(vectors, vectors[:3], np.array(["a"] * 3, object), 6, 0)
    assert sorted(which[found.rows]) == list(range(6))


def test_images_between_classes_are_chosen_and_not_one_beside_the_other() -> None:
    labeled, which = blobs(CENTERS[:4], 20, 0.05, 1)
    # Between blobs 0 and 1 (many look-alikes) and between 2 and 3 (few): both are undecided.
    between = np.stack([CENTERS[0] + CENTERS[1], CENTERS[2] + CENTERS[3]])
    many, _ = blobs(between[:1], 30, 0.01, 2)
    few, _ = blobs(between[1:], 5, 0.01, 3)
    easy, _ = blobs(CENTERS[:4], 100, 0.05, 4)
    candidates = np.concatenate([easy, many, few])
    names = np.array(["a", "b", "c", "d"], object)[which]
    found = choosing.choose(candidates, labeled, names, 2, 0)
    kinds = ["easy" if row < 400 else "many" if row < 430 else "few" for row in found.rows]
    assert sorted(kinds) == ["few", "many"]
    assert {frozenset(guess) <= frozenset("abcd") for guess in found.guesses} == {True}
    assert (np.diff(found.uncertainties) <= 0).all()
    assert found.uncertainties.min() > 0.5


def test_no_image_is_chosen_twice_and_the_seed_decides() -> None:
    vectors, _ = blobs(CENTERS, 40, 0.2, 5)
    labels = np.array(["a", "b"] * 10, object)
    first, again = (choosing.choose(vectors[20:], vectors[:20], labels, 30, 0) for _ in range(2))
    np.testing.assert_array_equal(first.rows, again.rows)
    assert len(set(first.rows.tolist())) == 30


def test_more_than_there_are_is_all_of_them_even_where_they_are_equal() -> None:
    labels = np.array(["a", "b"], object)
    same = unit(np.ones((7, 16)))
    assert sorted(choosing.choose(same, unit(CENTERS[:2]), labels, 50, 0).rows) == list(range(7))
    assert len(set(choosing.choose(same, unit(CENTERS[:2]), labels, 5, 0).rows.tolist())) == 5


def test_planted_errors_come_first_and_the_true_class_is_proposed() -> None:
    vectors, which = blobs(CENTERS, 40, 0.08, 6)
    truth = np.array(list("abcdef"), object)[which]
    wrong = np.random.default_rng(7).choice(len(truth), 12, replace=False)
    labels = truth.copy()
    labels[wrong] = np.array(list("bcdefa"), object)[which[wrong]]
    found = choosing.find_suspects(vectors, labels, 100, 0)
    first = set(found.rows[:12].tolist())
    assert len(first & set(wrong.tolist())) >= 11
    proposed = dict(zip(found.rows.tolist(), found.proposals, strict=True))
    assert all(proposed[row] == truth[row] for row in first & set(wrong.tolist()))
    assert (np.diff(found.confidences) >= 0).all()


def test_a_class_too_rare_to_judge_is_left_out() -> None:
    vectors, which = blobs(CENTERS[:3], 20, 0.1, 8)
    labels = np.array(list("abc"), object)[which]
    labels[:3] = "rare"
    found = choosing.find_suspects(vectors, labels, 100, 0)
    assert not set(found.rows.tolist()) & {0, 1, 2}
    with pytest.raises(ValueError, match=r"Received 6 labels of 2 classes; expected two classes with 5"):
        choosing.find_suspects(vectors[:6], np.array(list("aaaaab"), object), 10, 0)

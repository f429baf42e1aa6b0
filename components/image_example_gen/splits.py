"""Decide which images stay, in which split, with which label; works on metadata only.

The steps, in order:

1. Duplicates. Images with the same `image_id` are the same image, which is kept once. Between splits, the
   copy in `test` stays, or else the one in `eval` (or the run fails: `cross_split_duplicates: error`). A
   copy with a label is preferred to one without. An image with several labels is kept for pretraining
   only: it goes to `train` without a label, because none of its labels can be trusted.
2. Splits. The splits of the source are kept. If it has no `test` (or no `eval`), that split is carved out
   of the rest by the hash of `image_id`. Only labeled images are carved out, unless none has a label. A
   class that would lose its last training image keeps its images in `train`.
   If a manifest's column or `group_pattern` names groups, the group of an image decides instead of
   `image_id`, and its unlabeled images go with it: a scene, patient or burst stays in one split.
   Images without a split go to the split into which the source puts others of their group.
3. Unlabeled images that the source puts into `eval` or `test` are left out: these splits are for measuring.
4. Label budget. The `labels_per_class` training images per class with the smallest seeded hash keep their
   label.
5. Labels files. Their labels replace the source's own and are never hidden. They don't decide on splits,
   because images that somebody chose are a poor sample for measuring. Only if the source has no label at
   all, step 2 carves out images by the labels of these files.
"""

import collections
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.components.image_example_gen.groups import Groups, follow, group_images, whole_groups
from tfx_contrastive.components.image_example_gen.inspection import (
    require_classes,
    require_learnt,
    too_few_labels_error,
    unlabeled_split_error,
)
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import EVAL, SPLITS, TEST, TRAIN

from .records import UNSPLIT, Duplicates, StagedChunk

DROPPED = -1
UNLABELED = -1
_TRAIN, _EVAL, _TEST = range(3)
_CODES = {TRAIN: _TRAIN, EVAL: _EVAL, TEST: _TEST, UNSPLIT: _TRAIN}


@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """The decision for each of N staged images, in the order of the chunks.

    Attributes:
        splits: int8 [N], index in `SPLITS`, or `DROPPED`.
        labels: int32 [N], index in `class_names`, or `UNLABELED`.
        class_names: The classes, sorted.
        duplicates: Counts of images that occur more than once.
        labels_hidden: Number of labels that the budget hides.
        labels_given: Number of images that the labels files name.
        unlabeled_dropped: Number of unlabeled images left out of `eval` and `test`.
        groups: Scenes, patients or bursts that stay in one split; None if there are no groups.
    """

    splits: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    class_names: tuple[str, ...]
    duplicates: Duplicates
    labels_hidden: int
    labels_given: int
    unlabeled_dropped: int
    groups: Groups | None = None


def plan_splits(
    chunks: Sequence[StagedChunk], config: IngestConfig, given_labels: Mapping[bytes, str] | None = None
) -> SplitPlan:
    """Decide on every staged image.

    Args:
        chunks: In the order of the source.
        config: The configuration.
        given_labels: Image id -> class name, from the labels files.

    Raises:
        DataError: If the remaining images can't be trained on or measured.
    """
    ids = np.concatenate([chunk.image_ids for chunk in chunks])
    given = np.array([_CODES[split] for chunk in chunks for split in chunk.splits], np.int8)
    has_own = {split for chunk in chunks for split in set(chunk.splits)}
    has_own |= {each.split for chunk in chunks for each in chunk.set_aside}
    texts = [label for chunk in chunks for label in chunk.labels]
    given_labels = given_labels or {}
    class_names = tuple(sorted({text for text in texts if text is not None} | set(given_labels.values())))
    codes: dict[str | None, int] = {name: code for code, name in enumerate(class_names)}
    codes[None] = UNLABELED
    labels = np.array([codes[text] for text in texts], np.int32)

    groups = group_images(chunks, config.group_pattern)
    if groups is not None:
        is_unsplit = np.array([split == UNSPLIT for chunk in chunks for split in chunk.splits], bool)
        given = follow(given, is_unsplit, groups.numbers)
    splits, labels, fixed, duplicates = _without_duplicates(ids, given, labels, chunks, config)
    given_codes = _given_codes(ids, given_labels, codes)
    is_given = given_codes != UNLABELED
    if not (labels[splits != DROPPED] != UNLABELED).any():
        labels = np.where(is_given, given_codes, labels)
    test_fraction = 0.0 if TEST in has_own else config.test_fraction
    eval_fraction = 0.0 if EVAL in has_own else config.eval_fraction
    decides = groups.digests if groups else ids
    splits = _carved(decides, splits, labels, fixed, (test_fraction, eval_fraction), groups)
    hidden = np.zeros(len(ids), bool)
    if config.labels_per_class is not None:
        hidden[_over_budget(ids, splits, labels, config.labels_per_class, config.seed)] = True
        hidden &= ~is_given
    labels = np.where(is_given, given_codes, labels)
    require_classes(_names(labels[splits != DROPPED], class_names), str(config.source))
    any_label = bool((labels[splits != DROPPED] != UNLABELED).any())
    unlabeled_dropped = 0
    if any_label:
        unusable = (splits > _TRAIN) & (labels == UNLABELED)
        unlabeled_dropped = int(unusable.sum())
        splits[unusable] = DROPPED
    try:
        _check(splits, labels, class_names, any_label, has_own)
    except DataError as error:
        more = [str(duplicates), _grouped_text(groups) if groups else ""]
        raise DataError(" ".join(filter(None, [str(error), *more]))) from error
    labels[hidden] = UNLABELED
    return SplitPlan(
        splits,
        labels,
        class_names,
        duplicates,
        int(hidden.sum()),
        len(given_labels),
        unlabeled_dropped,
        groups,
    )


def _given_codes(
    ids: npt.NDArray[Any], given_labels: Mapping[bytes, str], codes: Mapping[str | None, int]
) -> npt.NDArray[Any]:
    """Return the class of each image in the labels files, int32 [N]; `UNLABELED` where they have none."""
    if not given_labels:
        return np.full(len(ids), UNLABELED, np.int32)
    return np.array([codes[given_labels.get(row.tobytes())] for row in ids], np.int32)


def _without_duplicates(
    ids: npt.NDArray[Any],
    given: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    chunks: Sequence[StagedChunk],
    config: IngestConfig,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], Duplicates]:
    """Return splits without copies, labels, images that must stay in `train`, and the counts."""
    splits, labels = given.copy(), labels.copy()
    fixed = np.zeros(len(ids), bool)
    keys = np.ascontiguousarray(ids).view("V32").ravel()
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.r_[True, keys[order][1:] != keys[order][:-1]])
    same_split = across_splits = conflicting = 0
    for group in np.split(order, starts[1:]) if len(starts) < len(ids) else []:
        if len(group) == 1:
            continue
        if config.cross_split_duplicates == "error" and len(set(given[group].tolist())) > 1:
            raise DataError(_cross_split_error(group, given, chunks))
        known = {label for label in labels[group].tolist() if label != UNLABELED}
        # `test` first, then `eval`; then a copy with a label; then the order of the source.
        kept = min(group.tolist(), key=lambda i: (-given[i], labels[i] == UNLABELED, i))
        same_split += int((given[group] == given[kept]).sum()) - 1
        across_splits += int((given[group] != given[kept]).sum())
        splits[group] = DROPPED
        splits[kept] = given[kept]
        if len(known) > 1:
            conflicting += 1
            splits[kept], labels[kept], fixed[kept] = _TRAIN, UNLABELED, True
        elif known:
            labels[kept] = known.pop()
    return splits, labels, fixed, Duplicates(same_split, across_splits, conflicting)


def _cross_split_error(
    group: npt.NDArray[Any], given: npt.NDArray[Any], chunks: Sequence[StagedChunk]
) -> str:
    sources = [source for chunk in chunks for source in chunk.sources]
    copies = ", ".join(f"{sources[i]} ({SPLITS[given[i]]})" for i in group.tolist()[:5])
    return (
        f"Received the same picture in several splits: {copies}; expected each picture in one split. "
        "Remove the copies, or set data.cross_split_duplicates to move."
    )


def _carved(
    ids: npt.NDArray[Any],
    splits: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    fixed: npt.NDArray[Any],
    fractions: tuple[float, float],
    groups: Groups | None,
) -> npt.NDArray[Any]:
    """Carve the splits that the source lacks out of `train`; `fractions` are for `test` and `eval`."""
    test_fraction, eval_fraction = fractions
    position = unit_interval(ids)
    free = (splits == _TRAIN) & ~fixed
    if groups is None and (labels[splits != DROPPED] != UNLABELED).any():
        free &= labels != UNLABELED
    carved = splits.copy()
    carved[free & (position < test_fraction + eval_fraction)] = _EVAL
    carved[free & (position < test_fraction)] = _TEST
    for label in np.unique(labels[free & (carved != _TRAIN)]).tolist():
        of_class = labels == label
        if label != UNLABELED and not (of_class & (carved == _TRAIN)).any():
            carved[of_class & free] = _TRAIN
    return carved if groups is None else whole_groups(carved, groups.numbers, free)


def unit_interval(ids: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Map digests, uint8 [N, 32], uniformly to [0, 1): float64 [N]."""
    return np.ascontiguousarray(ids[:, :8]).view(">u8").ravel() / 2.0**64


def _over_budget(
    ids: npt.NDArray[Any],
    splits: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    labels_per_class: int,
    seed: int,
) -> list[int]:
    """Return the indices of the training images whose label is to be hidden."""
    key = seed.to_bytes(16, "little")
    by_class = collections.defaultdict(list)
    for i in np.flatnonzero((splits == _TRAIN) & (labels != UNLABELED)).tolist():
        by_class[int(labels[i])].append((hashlib.blake2b(ids[i], digest_size=8, key=key).digest(), i))
    return sorted(i for ranked in by_class.values() for _, i in sorted(ranked)[labels_per_class:])


def _names(labels: npt.NDArray[Any], class_names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(class_names[code] for code in np.unique(labels).tolist() if code != UNLABELED)


def _check(
    splits: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    class_names: tuple[str, ...],
    any_label: bool,
    has_own: Set[str],
) -> None:
    for code, name in enumerate(SPLITS):
        if not (splits == code).any():
            raise DataError(_empty_split_error(name, splits, labels, any_label, has_own))
    learnt = set(_names(labels[splits == _TRAIN], class_names))
    measured = set(_names(labels[splits > _TRAIN], class_names))
    require_learnt(learnt, measured, len(class_names))


def _grouped_text(groups: Groups) -> str:
    """Return a sentence about groups for the error about an empty split."""
    largest = groups.census.largest
    what = f", the largest {largest[0]!r} with {largest[1]:,} images" if largest else ""
    return (
        f"A group of images stays in one split; groups to divide: {groups.census.num_movable:,}"
        f"{what}. Make groups smaller, or more."
    )


def _empty_split_error(
    name: str, splits: npt.NDArray[Any], labels: npt.NDArray[Any], any_label: bool, has_own: Set[str]
) -> str:
    num_images = int((splits != DROPPED).sum())
    if any_label and name in has_own and name != TRAIN:
        return unlabeled_split_error(name)
    if any_label and name != TRAIN:
        counts = np.bincount(labels[(splits != DROPPED) & (labels != UNLABELED)])
        return too_few_labels_error(name, counts[counts > 0].tolist())
    remedy = "" if name == TRAIN else f", or raise data.{name}_fraction"
    return (
        f"None of {num_images:,} images is left for the split {name}; expected at least one. "
        f"Give the source more images or a split {name} of its own{remedy}."
    )

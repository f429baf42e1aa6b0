"""Groups: images of one scene, patient or burst, which must stay in one split.

A manifest may name the group of each image in a column. Otherwise `data.group_pattern` finds it in the
name of the image. An image without a group is a group of its own.
"""

import collections
import dataclasses
import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import EVAL, SPLITS, TEST, TRAIN

from .records import UNSPLIT, StagedChunk

_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Census:
    """The groups of N images by their names.

    Attributes:
        names: [N] group of each image; None: it is a group of its own.
        pattern: `data.group_pattern`; empty if there is none.
        by_source: Whether the source names the groups; then the pattern is not used.
        num_groups: Number of groups of two images or more.
        largest: Name and number of images of the largest group; None if no image has a group.
        num_without: Number of images whose group has no name.
        num_movable: Number of groups (also of one image) with an image that the source assigns to no
            split.
        straddling: Some groups that the source's own splits divide, as text.
        num_straddling: Number of such groups.
    """

    names: Sequence[str | None]
    pattern: str
    by_source: bool
    num_groups: int
    largest: tuple[str, int] | None
    num_without: int
    num_movable: int
    straddling: tuple[str, ...]
    num_straddling: int

    def warnings(self) -> list[str]:
        """Return warnings about the groups, one sentence each."""
        found = []
        if self.num_straddling:
            groups = "1 group has" if self.num_straddling == 1 else f"{self.num_straddling:,} groups have"
            found.append(
                f"{groups} images in several splits of the source, which are kept as they are, such as "
                f"{'; '.join(self.straddling)}"
            )
        if self.by_source and self.pattern:
            found.append("data.group_pattern is not used: the manifest has a column of groups")
        if self.num_without and not self.by_source:
            found.append(
                f"data.group_pattern does not match {self.num_without:,} images; each of them is a group of "
                "its own"
            )
        return found


@dataclasses.dataclass(frozen=True)
class Groups:
    """The group of each of N staged images.

    Attributes:
        numbers: int64 [N], equal for images of one group; an image without a group has its own number.
        digests: uint8 [N, 32] that decide on the split: the digest of the group, otherwise `image_id`.
        census: The groups by their names.
    """

    numbers: npt.NDArray[Any]
    digests: npt.NDArray[Any]
    census: Census


def take_census(
    sources: Sequence[str], splits: Sequence[str], groups: Sequence[str | None], pattern: str | None
) -> Census | None:
    """Find the group of each image.

    Args:
        sources: [N] source of each image.
        splits: [N] split of each image in the source.
        groups: [N] group of each image in the source; empty: none; None: the source has no groups.
        pattern: Regular expression with one group, whose text names the group. It is searched for in the
            file's name, or in the whole `source` if the pattern has a slash.

    Returns:
        The groups; None if neither the source nor the pattern names groups.

    Raises:
        DataError: If the pattern is needed, and matches no image.
    """
    by_source = any(group is not None for group in groups)
    if by_source:
        names = [group or None for group in groups]
    elif pattern is None:
        return None
    else:
        names = _matched(sources, pattern)
    of_group = collections.defaultdict(set)
    for name, split in zip(names, splits, strict=True):
        if name is not None and split in SPLITS:
            of_group[name].add(split)
    several = [(name, parts) for name, parts in of_group.items() if len(parts) > 1]
    sizes = collections.Counter(name for name in names if name is not None)
    largest = max(sizes.items(), key=lambda item: item[1], default=("", 0))
    movable = [name for name, split in zip(names, splits, strict=True) if split in (TRAIN, UNSPLIT)]
    return Census(
        names,
        pattern or "",
        by_source,
        sum(size > 1 for size in sizes.values()),
        largest if largest[1] > 1 else None,
        names.count(None),
        len({name for name in movable if name is not None}) + movable.count(None),
        tuple(f"{name} in {' and '.join(sorted(parts))}" for name, parts in several[:_SHOWN]),
        len(several),
    )


def _matched(sources: Sequence[str], pattern: str) -> list[str | None]:
    """Return the text that the pattern finds in each source; None where it finds nothing."""
    expression, whole = re.compile(pattern), "/" in pattern
    matches = [expression.search(source if whole else source.rpartition("/")[2]) for source in sources]
    names = [(match.group(1) or None) if match else None for match in matches]
    if sources and not any(names):
        where = "source" if whole else "file's name"
        raise DataError(
            f"Received data.group_pattern {pattern!r}, which matches no image; expected one that is found in "
            f"the {where} of each, such as that of {sources[0]!r}."
        )
    return names


def group_images(chunks: Sequence[StagedChunk], pattern: str | None) -> Groups | None:
    """Put staged images into groups.

    Args:
        chunks: In the order of the source.
        pattern: See `take_census`.

    Returns:
        The groups; None if neither the source nor the pattern names groups.

    Raises:
        DataError: If the pattern is needed, and matches no image.
    """
    census = take_census(
        [source for chunk in chunks for source in chunk.sources],
        [split for chunk in chunks for split in chunk.splits],
        [group for chunk in chunks for group in chunk.groups or [None] * len(chunk.sources)],
        pattern,
    )
    if census is None:
        return None
    numbers: dict[str | int, int] = {}
    own = [row if name is None else name for row, name in enumerate(census.names)]
    codes = np.array([numbers.setdefault(each, len(numbers)) for each in own], np.int64)
    digests = np.concatenate([chunk.image_ids for chunk in chunks])
    for row, name in enumerate(census.names):
        if name is not None:
            text = f"group {name}".encode("utf-8", "surrogateescape")
            digests[row] = np.frombuffer(hashlib.sha256(text).digest(), np.uint8)
    return Groups(codes, digests, census)


def follow(
    given: npt.NDArray[Any], is_unsplit: npt.NDArray[Any], numbers: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Move images without a split to where the source puts others of their group: `test`, or else `eval`.

    Args:
        given: int8 [N], index in `SPLITS`.
        is_unsplit: bool [N], whether the source assigns the image to no split.
        numbers: Group of each image, int64 [N].
    """
    followed = given
    for split in (EVAL, TEST):
        code = SPLITS.index(split)
        is_there = np.zeros(int(numbers.max(initial=0)) + 1, bool)
        is_there[numbers[given == code]] = True
        followed = np.where(is_unsplit & is_there[numbers], np.int8(code), followed)
    return followed


def whole_groups(
    splits: npt.NDArray[Any], numbers: npt.NDArray[Any], movable: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Return groups to `train` if some of their images could not be carved out.

    Args:
        splits: int8 [N], index in `SPLITS`; negative: left out.
        numbers: Group of each image, int64 [N].
        movable: bool [N], whether the image could be carved out.
    """
    in_train = np.zeros(int(numbers.max(initial=0)) + 1, bool)
    in_train[numbers[splits == SPLITS.index("train")]] = True
    back = movable & (splits > 0) & in_train[numbers]
    return np.where(back, np.int8(0), splits)


def require_enough_groups(census: Census, splits: Sequence[str], source: str, grouped_by: str) -> None:
    """Refuse a source with fewer groups than splits to fill.

    Args:
        census: The groups.
        splits: The splits of the source.
        source: Name of the source for the message.
        grouped_by: Name of what groups the images; empty: the pattern.

    Raises:
        DataError: If a split is certain to stay empty.
    """
    to_fill = [TRAIN, *(split for split in (EVAL, TEST) if split not in splits)]
    if census.largest is None or census.num_movable >= len(to_fill):
        return
    name, size = census.largest
    groups = "a single group" if census.num_movable == 1 else f"{census.num_movable} groups"
    remedy = "write data.source.group_column: ''" if census.by_source else "remove data.group_pattern"
    raise DataError(
        f"Received {source}, whose images are {groups} by {grouped_by or 'data.group_pattern'} (the largest "
        f"is {name!r} with {size:,} images); expected at least one for each of {', '.join(to_fill)}, because "
        f"a group stays in one split. Make groups smaller, or {remedy} if they need not stay together."
    )

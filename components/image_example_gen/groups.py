"""Groups: images of one scene, patient or burst that must stay in one split."""

import collections
import dataclasses
import hashlib
import re
from collections.abc import Sequence

import numpy as np

from components.image_example_gen.errors import DataError
from components.image_example_gen.records import SPLITS, StagedChunk

_SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Groups:
    """The group of each of N staged images.

    Attributes:
        numbers: int64 [N]; images of one group have one number. An image that is in none has its own.
        digests: uint8 [N, 32]: what decides on the split instead of `image_id`.
        num_groups: Groups of two images or more.
        num_without: Images that the pattern doesn't match.
        straddling: Groups of which the source's own splits hold parts in several, as text; some of them.
        num_straddling: How many there are.
    """

    numbers: np.ndarray
    digests: np.ndarray
    num_groups: int
    num_without: int
    straddling: tuple[str, ...]
    num_straddling: int

    def warnings(self) -> list[str]:
        """What a user should know of them, one sentence each."""
        found = []
        if self.num_straddling:
            found.append(
                f"{self.num_straddling:,} groups have images in several splits of the source, which are kept "
                f"as they are, such as {'; '.join(self.straddling)}"
            )
        if self.num_without:
            found.append(
                f"data.group_pattern does not match {self.num_without:,} images; each of them is a group of "
                "its own"
            )
        return found


def group_images(chunks: Sequence[StagedChunk], pattern: str) -> Groups:
    """Puts images into groups by their names.

    Args:
        chunks: In the order of the source.
        pattern: Regular expression with one group, whose text names the group. It is searched for in the
            file's name, or in the whole `source` where the pattern has a slash.

    Raises:
        DataError: If it matches no image.
    """
    sources = [source for chunk in chunks for source in chunk.sources]
    splits = [split for chunk in chunks for split in chunk.splits]
    expression, whole = re.compile(pattern), "/" in pattern
    found = [expression.search(source if whole else source.rpartition("/")[2]) for source in sources]
    names = [match.group(1) if match else None for match in found]
    if sources and not any(name is not None for name in names):
        where = "source" if whole else "file's name"
        raise DataError(
            f"Received data.group_pattern {pattern!r}, which matches no image; expected one that is found in "
            f"the {where} of each, such as that of {sources[0]!r}."
        )
    numbers: dict[str | int, int] = {}
    own = [row if name is None else name for row, name in enumerate(names)]
    codes = np.array([numbers.setdefault(each, len(numbers)) for each in own], np.int64)
    digests = np.array(
        [list(hashlib.sha256(f"group {each}".encode()).digest()) for each in own], np.uint8
    ).reshape(-1, 32)
    of_group = collections.defaultdict(set)
    for name, split in zip(names, splits, strict=True):
        if name is not None and split in SPLITS:
            of_group[name].add(split)
    several = [(name, parts) for name, parts in of_group.items() if len(parts) > 1]
    sizes = np.bincount(codes, minlength=1)
    return Groups(
        codes,
        digests,
        int((sizes > 1).sum()),
        sum(name is None for name in names),
        tuple(f"{name} in {' and '.join(sorted(parts))}" for name, parts in several[:_SHOWN]),
        len(several),
    )


def whole_groups(splits: np.ndarray, numbers: np.ndarray, movable: np.ndarray) -> np.ndarray:
    """Takes groups back to `train` of which a part could not be carved out.

    Args:
        splits: int8 [N], position in `SPLITS`, negative: left out.
        numbers: Group of each image, int64 [N].
        movable: bool [N], whether an image was free to be carved out.
    """
    in_train = np.zeros(int(numbers.max(initial=0)) + 1, bool)
    in_train[numbers[splits == SPLITS.index("train")]] = True
    back = movable & (splits > 0) & in_train[numbers]
    return np.where(back, np.int8(0), splits)

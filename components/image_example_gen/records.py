"""What travels between the steps: plain, picklable, no Beam and no TensorFlow."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfx_contrastive.contract.errors import Reason

UNSPLIT = ""  # the source leaves the choice to us


@dataclasses.dataclass(frozen=True)
class Entry:
    """One image of a source before its bytes are read.

    Attributes:
        source: Where it is, relative to the data root.
        label: Class name; None where unknown.
        split: `train`, `eval`, `test`, or `UNSPLIT`.
        path: What the adapter needs to open it.
        size: Bytes; -1 where unknown.
        rejected: Set when the listing alone rules it out.
        group: The scene, patient or burst that it belongs to; empty: none; None: the source has no groups.
    """

    source: str
    label: str | None
    split: str
    path: str
    size: int = -1
    rejected: tuple[Reason, str] | None = None
    group: str | None = None


@dataclasses.dataclass(frozen=True)
class EncodedImage:
    """One image as the source holds it.

    Attributes:
        source: Where it is, relative to the data root.
        label: Class name; None where unknown.
        split: `train`, `eval`, `test`, or `UNSPLIT`.
        data: The bytes; empty when `rejected`.
        checks_extension: Whether the end of `source` states the format.
        rejected: Set when the bytes can't be had.
        group: As in `Entry`.
    """

    source: str
    label: str | None
    split: str
    data: bytes
    checks_extension: bool = True
    rejected: tuple[Reason, str] | None = None
    group: str | None = None


@dataclasses.dataclass(frozen=True)
class ArrayBatch:
    """Images that the source holds as an array.

    Attributes:
        pixels: uint8 [N, H, W, C], C in {1, 3, 4}.
        labels: [N] class names; None where unknown.
        sources: [N] where each is, relative to the data root.
        split: The split of all of them.
    """

    pixels: np.ndarray
    labels: Sequence[str | None]
    sources: Sequence[str]
    split: str


@dataclasses.dataclass(frozen=True)
class SetAside:
    """One line of the quarantine.

    Attributes:
        source: Where the image is, relative to the data root.
        reason: Why it was set aside.
        detail: The particulars.
        digest: SHA-256 of its bytes, hex; empty where they could not be had.
        sample: Staged copy of its bytes, if one was kept.
        label: Its class by the source; None where it has none.
        split: As the source has it.
    """

    source: str
    reason: Reason
    detail: str
    digest: str = ""
    sample: str = ""
    label: str | None = None
    split: str = UNSPLIT


@dataclasses.dataclass(frozen=True)
class StagedChunk:
    """What the planner needs to know of one staged chunk.

    Attributes:
        index: Position of the chunk in the source.
        path: Its staging TFRecord file; record i belongs to entry i of the lists below.
        image_ids: uint8 [N, 32], SHA-256 of the pixels.
        labels: [N] class names; None where unknown.
        splits: [N] as the source has them.
        sources: [N] where each is.
        set_aside: The bad images of the chunk.
        thumbnails: uint8 [N, THUMBNAIL_BYTES] of `near_copies`; None: near copies are not looked for.
        groups: [N] as in `Entry`; empty: the source tells of no groups.
        deepest: The greatest value in images of 16 bits per value; 0: there are no such images.
    """

    index: int
    path: str
    image_ids: np.ndarray
    labels: Sequence[str | None]
    splits: Sequence[str]
    sources: Sequence[str]
    set_aside: Sequence[SetAside]
    thumbnails: np.ndarray | None = None
    groups: Sequence[str | None] = ()
    deepest: int = 0


@dataclasses.dataclass(frozen=True)
class Duplicates:
    """Copies of a picture that were left out, or what else happened to it.

    Attributes:
        same_split: Copies left out whose split has the one that was kept.
        across_splits: Copies left out whose picture stays in another split.
        conflicting_labels: Pictures whose copies had different labels.
    """

    same_split: int = 0
    across_splits: int = 0
    conflicting_labels: int = 0

    def __str__(self) -> str:
        """What copies may have to do with a split that is empty; empty if there were none."""
        found = [
            f"{count:,} {what}"
            for count, what in (
                (self.same_split, "copies of pictures were left out"),
                (self.across_splits, "copies were left out because test or eval has the same picture"),
                (self.conflicting_labels, "pictures have several labels, of which none counts"),
            )
            if count
        ]
        return f"Copies: {'; '.join(found)}." if found else ""

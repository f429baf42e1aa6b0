"""The data that travel between the steps: picklable, without Beam or TensorFlow.

An image is *rejected* when it can't be used, for a `Reason`. A rejected image is *set aside*: it becomes
no example. The *quarantine* is the artifact that records all images that were set aside.
"""

import collections
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from tfx_contrastive.contract import file_info
from tfx_contrastive.contract.errors import Reason, RejectedError

UNSPLIT = ""  # the source assigns no split


@dataclasses.dataclass(frozen=True)
class Entry:
    """One image of a source before its bytes are read.

    Attributes:
        source: Its place, relative to the data root.
        label: Class name; None where unknown.
        split: `train`, `eval`, `test`, or `UNSPLIT`.
        path: The path or key by which the adapter opens it.
        size: Number of bytes; -1 where unknown.
        rejected: Reason and detail, if the listing alone rules the image out.
        group: The scene, patient or burst of the image; empty: none; None: the source has no groups.
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
        source: Its place, relative to the data root.
        label: Class name; None where unknown.
        split: `train`, `eval`, `test`, or `UNSPLIT`.
        data: The bytes; empty when `rejected`.
        checks_extension: Whether the extension of `source` states the format.
        rejected: Reason and detail, if the bytes can't be read.
        group: See `Entry`.
    """

    source: str
    label: str | None
    split: str
    data: bytes
    checks_extension: bool = True
    rejected: tuple[Reason, str] | None = None
    group: str | None = None

    def content(self) -> bytes:
        """Return the bytes.

        Raises:
            RejectedError: If the source could not read them.
        """
        if self.rejected:
            raise RejectedError(*self.rejected)
        return self.data


@dataclasses.dataclass(frozen=True)
class ArrayBatch:
    """Images that the source holds as an array.

    Attributes:
        pixels: uint8 [N, H, W, C], C in {1, 3, 4}.
        labels: [N] class names; None where unknown.
        sources: [N] place of each image, relative to the data root.
        split: The split of all images.
    """

    pixels: npt.NDArray[Any]
    labels: Sequence[str | None]
    sources: Sequence[str]
    split: str


@dataclasses.dataclass(frozen=True)
class Content:
    """Everything that determines the examples of a source; argument of `fingerprints.fingerprint`.

    Attributes:
        files: The files that are read, in order.
        more: Other texts that matter, such as options.
    """

    files: tuple[file_info.FileInfo, ...]
    more: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a source shows without decoding an image.

    Attributes:
        content: Everything that determines its examples.
        labels: Split of the source -> class name -> number of images.
        unlabeled: Split of the source -> number of images without a label.
        passed_over: Kind of file that is no image by its name, in the plural -> number.
        warnings: Warnings about how the source was read, one sentence each.
        unusable: Number of images that can't be read, and the reason for the first; empty if all can.
        grouped_by: Name of what groups the images, such as `the column 'patient' of the manifest`; empty
            if nothing does.
    """

    content: Content
    labels: Mapping[str, Mapping[str, int]]
    unlabeled: Mapping[str, int]
    passed_over: Mapping[str, int] = dataclasses.field(default_factory=dict)
    warnings: Sequence[str] = ()
    unusable: str = ""
    grouped_by: str = ""


@dataclasses.dataclass(frozen=True)
class Sketch:
    """The result of a quick look at a source of any size.

    Attributes:
        listing: The listing; its numbers are scaled up from a sample if `is_exact` is false.
        is_exact: Whether every label was read.
        images: Some of the images, not decoded.
        doubts: Problems that would be errors if every label had been read.
    """

    listing: Listing
    is_exact: bool
    images: Iterable[EncodedImage | ArrayBatch]
    doubts: Sequence[str] = ()


def count_labels(pairs: Iterable[tuple[str, str | None]]) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Count (split, label) pairs: labeled ones by split and class, unlabeled ones by split."""
    labels: dict[str, dict[str, int]] = {}
    unlabeled: dict[str, int] = {}
    for (split, label), count in collections.Counter(pairs).items():
        if label is None:
            unlabeled[split] = count
        else:
            labels.setdefault(split, {})[label] = count
    return labels, unlabeled


@dataclasses.dataclass(frozen=True)
class SetAside:
    """One image that was set aside: a line of the quarantine.

    Attributes:
        source: Its place, relative to the data root.
        reason: The reason for rejecting it.
        detail: One sentence with the particulars.
        digest: SHA-256 of its bytes, hex; empty if they could not be read.
        sample: Path of a staged copy of its bytes; empty if none was kept.
        label: Its class in the source; None where unknown.
        split: Its split in the source.
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
    """The metadata of one staged chunk, from which the splits are planned.

    Attributes:
        index: Position of the chunk in the source.
        path: Its staging TFRecord file; record i belongs to entry i of the lists below.
        image_ids: uint8 [N, 32], SHA-256 of the pixels.
        labels: [N] class names; None where unknown.
        splits: [N] split of each image in the source.
        sources: [N] place of each image.
        set_aside: The rejected images of the chunk.
        thumbnails: uint8 [N, THUMBNAIL_BYTES] of `near_copies`; None: near copies are not searched for.
        groups: [N], see `Entry`; empty: the source has no groups.
        deepest: The greatest value in images of 16 bits per value; 0 if there are no such images.
    """

    index: int
    path: str
    image_ids: npt.NDArray[Any]
    labels: Sequence[str | None]
    splits: Sequence[str]
    sources: Sequence[str]
    set_aside: Sequence[SetAside]
    thumbnails: npt.NDArray[Any] | None = None
    groups: Sequence[str | None] = ()
    deepest: int = 0


@dataclasses.dataclass(frozen=True)
class Duplicates:
    """The number of copies that were left out, and of images with conflicting labels.

    Attributes:
        same_split: Copies left out in the split of the image that was kept.
        across_splits: Copies left out in another split than that of the image that was kept.
        conflicting_labels: Images whose copies have different labels.
    """

    same_split: int = 0
    across_splits: int = 0
    conflicting_labels: int = 0

    def __str__(self) -> str:
        """Return a sentence about copies for the error about an empty split; empty if there were none."""
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

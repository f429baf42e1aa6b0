"""Inspect a source before a run: its files and its classes. No image is decoded."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence, Set

from tfx_contrastive.components.image_example_gen import labels_file
from tfx_contrastive.components.image_example_gen.adapters import adapter_for
from tfx_contrastive.components.image_example_gen.class_names import name_warnings
from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import EVAL, TEST, TRAIN

from .records import UNSPLIT, Content, Listing


@dataclasses.dataclass(frozen=True)
class SourceInspection:
    """The facts about a source that its listing shows.

    Attributes:
        content: Everything that determines the examples; argument of `fingerprints.fingerprint`.
        num_images: Number of images found; some may turn out to be bad.
        labels: Split of the source ("" for images that it assigns to no split) -> class -> number of
            images.
        unlabeled: Split of the source -> number of images without a label.
        given_labels: Class -> number of lines in the labels files; empty without labels files.
        passed_over: Kind of file that is no image by its name, in the plural -> number.
        warnings: Warnings about how the source was read, one sentence each.
        grouped_by: Name of what groups the images in the source; empty if nothing does.
    """

    content: Content
    num_images: int
    labels: Mapping[str, Mapping[str, int]]
    unlabeled: Mapping[str, int]
    given_labels: Mapping[str, int] = dataclasses.field(default_factory=dict)
    passed_over: Mapping[str, int] = dataclasses.field(default_factory=dict)
    warnings: Sequence[str] = ()
    grouped_by: str = ""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the classes, sorted."""
        own = {label for counts in self.labels.values() for label in counts}
        return tuple(sorted(own | set(self.given_labels)))

    @property
    def has_labels(self) -> bool:
        """Return whether any image has a label; without one there is no classifier to train."""
        return bool(self.class_names)

    @property
    def num_labeled(self) -> int:
        """Return the number of images to which the source itself gives a label."""
        return sum(count for counts in self.labels.values() for count in counts.values())


def inspect_source(ingest: IngestConfig) -> SourceInspection:
    """List a source, and read the labels files if there are any.

    Args:
        ingest: The configuration.

    Returns:
        The facts about it.

    Raises:
        DataError: If nothing is there, it is not what the configuration says, there is exactly one class,
            or a labels file has a mistake that shows before images are decoded.
    """
    return inspect_listing(ingest, adapter_for(ingest.source, ingest.max_file_bytes).listing())


def inspect_listing(ingest: IngestConfig, listing: Listing, is_exact: bool = True) -> SourceInspection:
    """Inspect a listed source and the labels files.

    Args:
        ingest: The configuration.
        listing: The listing from the adapter.
        is_exact: Whether the listing saw every image. Otherwise it may lack classes, and none is
            required.

    Raises:
        DataError: As `inspect_source` does.
    """
    labels = {split: dict(sorted(counts.items())) for split, counts in listing.labels.items()}
    num_labeled = sum(sum(counts.values()) for counts in labels.values())
    content = listing.content
    given_labels: collections.Counter[str] = collections.Counter()
    for path in ingest.labels_files:
        file = labels_file.read(path)
        labels_file.check_classes(file, sorted({label for counts in labels.values() for label in counts}))
        content = dataclasses.replace(content, more=(*content.more, file.digest))
        given_labels.update(file.labels.values())
    inspection = SourceInspection(
        content,
        num_labeled + sum(listing.unlabeled.values()),
        labels,
        dict(listing.unlabeled),
        dict(sorted(given_labels.items())),
        dict(listing.passed_over),
        [*listing.warnings, *([listing.unusable] if listing.unusable else [])],
        listing.grouped_by,
    )
    inspection = dataclasses.replace(
        inspection, warnings=[*inspection.warnings, *name_warnings(inspection.class_names)]
    )
    if inspection.num_images == 0:
        what = "no image is usable by its path" if listing.unusable else "there is no image"
        why = f" {listing.unusable}." if listing.unusable else ""
        raise DataError(f"Received {ingest.source}, in which {what}; expected images.{why}")
    if broken := [name for name in inspection.class_names if "\n" in name or "\r" in name]:
        raise DataError(
            f"Received {ingest.source} with the class {broken[0]!r}, whose name holds a line break; expected "
            "names of a single line. Rename it."
        )
    try:
        if is_exact:
            require_classes(inspection.class_names, str(ingest.source))
    except DataError as error:  # the other classes may be in files that can't be read
        raise DataError(" ".join([str(error), *map(_sentence, inspection.warnings)])) from error
    return inspection


def _sentence(warning: str) -> str:
    return f"{warning[:1].upper()}{warning[1:].rstrip('.')}."


def require_enough_labels(inspection: SourceInspection) -> None:
    """Refuse a source that is certain to fail once images are read, before a run starts.

    Raises:
        DataError: If there is nothing to train on, a measured class has no training image, or a split
            can't be filled.
    """
    own = {*inspection.labels, *inspection.unlabeled}
    if not own & {TRAIN, UNSPLIT}:
        raise DataError(
            f"Received {inspection.num_images:,} images, all of them in {' and '.join(sorted(own))}; "
            "expected images to train on as well. Give the source a split train, or images without a split."
        )
    learnt = collections.Counter[str]()
    for split in (TRAIN, UNSPLIT):
        learnt.update(inspection.labels.get(split, {}))
    learnt.update(inspection.given_labels)
    measured = {name for split in (EVAL, TEST) for name in inspection.labels.get(split, {})}
    try:
        require_learnt(set(learnt), measured, len(inspection.class_names))
    except DataError as error:  # perhaps the same class in another spelling
        hints = name_warnings(inspection.class_names)
        raise DataError(" ".join([str(error), *map(_sentence, hints)])) from error
    for split in (EVAL, TEST):
        if inspection.has_labels and not inspection.given_labels and split in own - set(inspection.labels):
            raise DataError(unlabeled_split_error(split))
    missing = [split for split in (TEST, EVAL) if split not in own]
    to_spare = sum(count - 1 for count in learnt.values())  # each class keeps one training image
    if inspection.has_labels and to_spare < len(missing):
        raise DataError(too_few_labels_error(missing[-1], list(learnt.values())))


def require_classes(class_names: tuple[str, ...], source: str) -> None:
    """Refuse a single class, because there is nothing to tell apart.

    Raises:
        DataError: If there is exactly one.
    """
    if len(class_names) == 1:
        raise DataError(
            f"Received {source} with labels of one class only ({class_names[0]!r}); expected two classes or "
            "more, or no label at all. Add images of another class, or move these to unlabeled/ (in a "
            "manifest: leave the label empty) to train an encoder without a classifier."
        )


def require_learnt(learnt: Set[str], measured: Set[str], num_classes: int) -> None:
    """Refuse a class that is measured, but has no training image.

    Args:
        learnt: Classes of the labeled training images.
        measured: Classes of the images in `eval` and `test`.
        num_classes: Number of all classes.

    Raises:
        DataError: If a class is in `measured` but not in `learnt`.
    """
    if unknown := sorted(measured - learnt):
        raise DataError(
            f"Received labeled images of {len(unknown)} of {num_classes} classes in eval or test, but "
            f"none in train: {', '.join(map(repr, unknown[:5]))}; expected a labeled training image of each "
            "class. Label some, or take these classes out of eval and test."
        )


def unlabeled_split_error(split: str) -> str:
    """Return the message for a split of the source without labels, where other images have labels."""
    return (
        f"The source's own split {split} has no labeled image that can be used; expected at least one. "
        f"Label some of its images, or take the split away: then {split} is carved out of the rest."
    )


def too_few_labels_error(split: str, counts: Sequence[int]) -> str:
    """Return the message for a split for which no labeled image is left.

    Args:
        split: Its name.
        counts: Number of labeled images of each class that has one.
    """
    each = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts):,}"
    if max(counts) == 1 and len(counts) > 10:
        return (
            f"Each of the {len(counts):,} labeled images has a label of its own; expected classes of "
            f"several images each: none is left for the split {split}. Are these names or figures? Then take "
            "another label, or leave it empty."
        )
    return (
        f"None of the {sum(counts):,} labeled images ({len(counts)} classes, {each} per class) is left for "
        f"the split {split}: a class gives none away where it would lose its last training image. Label more "
        f"images, about 10 or more per class, or give the source a split {split} of its own, or raise "
        f"data.{split}_fraction."
    )

"""Looks at a source before a run: its fingerprint, its classes. Decodes no image."""

import dataclasses
from collections.abc import Mapping

from components.image_example_gen.adapters import adapter_for
from components.image_example_gen.config import IngestConfig
from components.image_example_gen.errors import DataError


@dataclasses.dataclass(frozen=True)
class SourceInspection:
    """What is known of a source beforehand.

    Attributes:
        fingerprint: Changes when the data does; decides whether ImageExampleGen is cached.
        num_images: Images found; some may turn out to be bad.
        labels: Split as the source has it ("" where it leaves the choice to us) -> class -> images.
        unlabelled: Split as the source has it -> images without a label.
    """

    fingerprint: str
    num_images: int
    labels: Mapping[str, Mapping[str, int]]
    unlabelled: Mapping[str, int]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, sorted."""
        return tuple(sorted({label for counts in self.labels.values() for label in counts}))

    @property
    def has_labels(self) -> bool:
        """Whether any image has a label; without one there is no classifier to train."""
        return bool(self.class_names)

    @property
    def num_labelled(self) -> int:
        """Images with a label."""
        return sum(count for counts in self.labels.values() for count in counts.values())


def inspect_source(ingest: IngestConfig) -> SourceInspection:
    """Lists a source.

    Args:
        ingest: The configuration.

    Returns:
        What is known of it.

    Raises:
        DataError: If there is nothing there, it is not what the configuration says, or there is exactly
            one class.
    """
    listing = adapter_for(ingest.source, ingest.max_file_bytes).listing()
    labels = {split: dict(sorted(counts.items())) for split, counts in listing.labels.items()}
    num_labelled = sum(sum(counts.values()) for counts in labels.values())
    inspection = SourceInspection(
        listing.fingerprint,
        num_labelled + sum(listing.unlabelled.values()),
        labels,
        dict(listing.unlabelled),
    )
    if inspection.num_images == 0:
        raise DataError(
            f"Received {ingest.source}, in which no image is usable by its path; expected images."
        )
    require_classes(inspection.class_names, str(ingest.source))
    return inspection


def require_classes(class_names: tuple[str, ...], source: str) -> None:
    """Refuses a single class: there is nothing to tell apart.

    Raises:
        DataError: If there is exactly one.
    """
    if len(class_names) == 1:
        raise DataError(
            f"Received {source} with labels of one class only ({class_names[0]!r}); expected two classes or "
            "more, or no label at all. Add images of another class, or move these to unlabeled/ (in a "
            "manifest: leave the label empty) to train an encoder without a classifier."
        )

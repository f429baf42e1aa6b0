"""Forecast a run from the listing of a source: its groups, images in labels files, sizes of splits."""

import collections
import re
from collections.abc import Sequence
from typing import Any

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.image_example_gen import labels_file
from tfx_contrastive.components.image_example_gen.adapters import adapter_for
from tfx_contrastive.components.image_example_gen.config import (
    CsvManifestSource,
    ImageFolderSource,
    IngestConfig,
)
from tfx_contrastive.components.image_example_gen.groups import Census, require_enough_groups, take_census
from tfx_contrastive.components.image_example_gen.inspection import (
    SourceInspection,
    inspect_listing,
    require_enough_labels,
)
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import EVAL, TEST, TRAIN

from .records import UNSPLIT, Entry

_CHUNK_IMAGES = 4096
_ID = re.compile("[0-9a-f]{64}")


def check_source(ingest: IngestConfig) -> SourceInspection:
    """List a source once, and refuse what is certain to make a run fail, before it starts.

    The groups and the images that labels files name are looked up in that listing for folders and manifests.
    Other sources name their images only when they are unpacked or read; there the run itself fails.

    Args:
        ingest: The configuration.

    Returns:
        The facts about the source.

    Raises:
        DataError: As `inspect_source` and `require_enough_labels` do; or if `group_pattern` matches no image,
            there are too few groups to divide, or a labels file names a missing image.
    """
    adapter = adapter_for(ingest.source, ingest.max_file_bytes)
    inspection = inspect_listing(ingest, adapter.listing())
    require_enough_labels(inspection)
    if isinstance(ingest.source, ImageFolderSource | CsvManifestSource):
        chunks = adapter.chunks("", _CHUNK_IMAGES)  # files are read in place: nothing is staged
        expected_groups(ingest, chunks, inspection)
        check_labels_files(ingest, chunks)
    return inspection


def expected_groups(
    ingest: IngestConfig, chunks: Sequence[Any], inspection: SourceInspection
) -> Census | None:
    """Return the groups of all images; None without groups, or if the chunks don't list their images.

    Raises:
        DataError: If the pattern matches no image, or there are too few groups to divide.
    """
    entries = _entries(chunks)
    if not entries:
        return None
    sources, splits, groups = zip(
        *((entry.source, entry.split, entry.group) for entry in entries), strict=True
    )
    census = take_census(sources, splits, groups, ingest.group_pattern)
    if census is not None:
        require_enough_groups(census, sorted(set(splits)), str(ingest.source), inspection.grouped_by)
    return census


def doubts_of_pattern(ingest: IngestConfig, sources: Sequence[str], is_whole: bool) -> list[str]:
    """Return warnings about `group_pattern`, where the names of some images are known.

    Args:
        ingest: The configuration.
        sources: The sources of these images.
        is_whole: Whether these are all images.

    Raises:
        DataError: If these are all images, and the pattern matches none.
    """
    try:
        take_census(sources, [""] * len(sources), [], ingest.group_pattern)
    except DataError as error:
        if is_whole:
            raise
        return [f"of {len(sources):,} images that were looked at: {error}"]
    return []


def _entries(chunks: Sequence[Any]) -> list[Entry]:
    """Return the images that chunks list; none if they are parts of arrays or files of records."""
    return [entry for chunk in chunks for entry in getattr(chunk, "entries", ()) if not entry.rejected]


def check_labels_files(ingest: IngestConfig, chunks: Sequence[Any]) -> None:
    """Look up the images that the labels files name by `source` in all chunks of a source.

    Raises:
        DataError: If an image is missing, or a name may mean several images.
    """
    entries = _entries(chunks)
    if not entries:
        return
    sources = {entry.source: None for entry in entries}
    for path in ingest.labels_files:
        file = labels_file.read(path)
        if file.key == labels_file.SOURCE:
            labels_file.resolve(file, sources)
        elif odd := next((name for name in file.labels if not _ID.fullmatch(name)), None):
            raise DataError(
                f"Received the labels file {path}, whose line {file.lines[odd]} has the {file.key} "
                f"{names.shortened(odd)}; expected 64 hexadecimal digits, or a column "
                f"{labels_file.SOURCE} with paths instead."
            )


def expected_splits(
    inspection: SourceInspection, ingest: IngestConfig, usable_share: float = 1.0, is_exact: bool = True
) -> dict[str, tuple[int, int, bool]]:
    """Return the expected size of each split, by the rules of `splits.py` applied to numbers alone.

    Args:
        inspection: The listing of the source.
        ingest: The configuration.
        usable_share: Share of the listed images that can be used, in [0, 1].
        is_exact: Whether the listing saw every label.

    Returns:
        For each split: number of images, number of labeled images, and whether both are certain. Copies of an
        image, of which one is kept, can't be known beforehand.
    """
    return _Division(inspection, ingest, usable_share, is_exact).splits()


class _Division:
    def __init__(self, inspection: SourceInspection, ingest: IngestConfig, usable: float, is_exact: bool):
        self._inspection, self._ingest, self._usable = inspection, ingest, usable
        self._is_exact = is_exact and usable == 1
        self._own = {*inspection.labels, *inspection.unlabeled}
        self._pool: collections.Counter[str] = collections.Counter()
        for split in (TRAIN, UNSPLIT):
            self._pool.update(inspection.labels.get(split, {}))
        self._unlabeled = sum(inspection.unlabeled.get(split, 0) for split in (TRAIN, UNSPLIT))
        self._given = sum(inspection.given_labels.values())
        if not inspection.num_labeled and self._given:  # only the labels files have labels
            self._pool.update(inspection.given_labels)
            self._unlabeled = max(self._unlabeled - self._given, 0)
            self._given = 0

    def splits(self) -> dict[str, tuple[int, int, bool]]:
        fractions = {
            split: 0.0 if split in self._own else fraction
            for split, fraction in (
                (EVAL, self._ingest.eval_fraction),
                (TEST, self._ingest.test_fraction),
            )
        }
        is_certain = self._is_exact and not any(fractions.values()) and not self._given
        rest = 1 - sum(fractions.values())
        labels = sum(self._budget(count * rest) for count in self._pool.values()) + self._given
        found = {TRAIN: self._row(sum(self._pool.values()), self._unlabeled, rest, labels, is_certain)}
        for split, fraction in fractions.items():
            counts = self._inspection.labels.get(split, {})
            if fraction:
                found[split] = self._carved(fraction)
                continue
            images = sum(counts.values())
            if not self._inspection.has_labels:
                images += self._inspection.unlabeled.get(split, 0)
            found[split] = (
                round(images * self._usable),
                round(sum(counts.values()) * self._usable),
                self._is_exact,
            )
        return found

    def _row(
        self, labeled: int, unlabeled: int, rest: float, labels: float, is_certain: bool
    ) -> tuple[int, int, bool]:
        share = rest if not self._inspection.has_labels else 1.0
        images = (labeled * rest + unlabeled * share) * self._usable
        return round(images), min(round(labels * self._usable), round(images)), is_certain

    def _carved(self, fraction: float) -> tuple[int, int, bool]:
        labeled = sum(self._pool.values())
        images = (labeled if self._inspection.has_labels else self._unlabeled) * fraction * self._usable
        return round(images), round(images) if self._inspection.has_labels else 0, False

    def _budget(self, count: float) -> float:
        limit = self._ingest.labels_per_class
        return count if limit is None else min(count, limit)

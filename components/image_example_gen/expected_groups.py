"""Scenes, patients and bursts of a source before a run: by the names of its images alone."""

import tempfile
from collections.abc import Sequence
from typing import Any

from tfx_contrastive.components.image_example_gen.adapters import adapter_for
from tfx_contrastive.components.image_example_gen.config import ArchiveSource, IngestConfig
from tfx_contrastive.components.image_example_gen.groups import Census, require_enough_groups, take_census
from tfx_contrastive.components.image_example_gen.inspection import SourceInspection
from tfx_contrastive.contract.errors import DataError

_CHUNK_IMAGES = 4096


def require_groups(ingest: IngestConfig, inspection: SourceInspection) -> None:
    """Refuses groups that are certain to make a run fail, where names tell: what a run asks before it starts.

    An archive may have to be unpacked for that; there it shows when images are read.

    Args:
        ingest: The configuration.
        inspection: Of the source.

    Raises:
        DataError: If `group_pattern` matches no image, or there are too few groups to divide.
    """
    if isinstance(ingest.source, ArchiveSource) or not (ingest.group_pattern or inspection.grouped_by):
        return
    with tempfile.TemporaryDirectory() as staging_dir:
        chunks = adapter_for(ingest.source, ingest.max_file_bytes).chunks(staging_dir, _CHUNK_IMAGES)
        expected_groups(ingest, list(chunks), inspection)


def expected_groups(
    ingest: IngestConfig, chunks: Sequence[Any], inspection: SourceInspection
) -> Census | None:
    """The groups of all images; None where nothing tells of them, or the chunks don't list their images.

    Raises:
        DataError: As `require_groups` does.
    """
    entries = [entry for chunk in chunks for entry in getattr(chunk, "entries", ()) if not entry.rejected]
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
    """What is to be said of a pattern where the names of some images are known.

    Args:
        ingest: The configuration.
        sources: Where these images are.
        is_whole: Whether these are all of the source.

    Raises:
        DataError: If the pattern matches none of all images.
    """
    try:
        take_census(sources, [""] * len(sources), [], ingest.group_pattern)
    except DataError as error:
        if is_whole:
            raise
        return [f"of {len(sources):,} images that were looked at: {error}"]
    return []

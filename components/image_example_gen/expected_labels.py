"""Whether labels files name images of the source: known before a run where the images are files."""

import re
import tempfile
from collections.abc import Sequence
from typing import Any

from tfx_contrastive.components.examples import names
from tfx_contrastive.components.image_example_gen.adapters import adapter_for
from tfx_contrastive.components.image_example_gen.config import (
    CsvManifestSource,
    ImageFolderSource,
    IngestConfig,
)
from tfx_contrastive.contract.errors import DataError

from . import labels_file

_CHUNK_IMAGES = 4096
_ID = re.compile("[0-9a-f]{64}")


def require_named_images(ingest: IngestConfig) -> None:
    """Refuses labels files that name no image of a folder or manifest: what a run asks before it starts.

    Raises:
        DataError: If one names an image that is not there.
    """
    if not ingest.labels_files or not isinstance(ingest.source, ImageFolderSource | CsvManifestSource):
        return
    with tempfile.TemporaryDirectory() as staging_dir:
        chunks = adapter_for(ingest.source, ingest.max_file_bytes).chunks(staging_dir, _CHUNK_IMAGES)
        check_labels_files(ingest, list(chunks))


def check_labels_files(ingest: IngestConfig, chunks: Sequence[Any]) -> None:
    """Looks up in all chunks of a source what the labels files name by `source`.

    Raises:
        DataError: If one names an image that is not there, or may be one of several.
    """
    entries = [entry for chunk in chunks for entry in getattr(chunk, "entries", ()) if not entry.rejected]
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

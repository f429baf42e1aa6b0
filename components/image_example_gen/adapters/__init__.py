"""One adapter per kind of source, chosen by `source.kind`."""

import importlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from ..records import ArrayBatch, EncodedImage, Listing

# Module and class of each adapter; imported on use, so that one kind's dependencies don't slow the others.
_ADAPTERS = {
    "archive": "archive.ArchiveAdapter",
    "csv_manifest": "csv_manifest.CsvManifestAdapter",
    "digits": "known_data_sets.DigitsAdapter",
    "fashion_mnist": "known_data_sets.FashionMnistAdapter",
    "idx": "idx.IdxAdapter",
    "image_folder": "image_folder.ImageFolderAdapter",
    "npz": "npz.NpzAdapter",
    "tfrecord": "tfrecord.TfRecordAdapter",
}


class Adapter(Protocol):
    """Reads one kind of source. Each worker builds its own instance from the configuration."""

    def __init__(self, source: Any, max_file_bytes: int): ...

    def listing(self) -> Listing:
        """List the source without decoding an image.

        Raises:
            DataError: If nothing is there, or it is not what the configuration says.
        """

    def chunks(self, staging_dir: str, chunk_images: int) -> Sequence[Any]:
        """Divide the source into picklable parts; may unpack it to `staging_dir` first."""

    def read(self, chunk: Any) -> Iterator[EncodedImage] | ArrayBatch:
        """Read one of the parts."""


def adapter_for(source: Any, max_file_bytes: int) -> Adapter:
    """Return the adapter of a source.

    Args:
        source: One of the source models of `config.py`.
        max_file_bytes: Larger files are set aside unread.
    """
    module_name, class_name = _ADAPTERS[source.kind].split(".")
    module = importlib.import_module(f"{__name__}.{module_name}")
    adapter: Adapter = getattr(module, class_name)(source, max_file_bytes)
    return adapter

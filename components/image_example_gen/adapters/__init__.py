"""One adapter per kind of source, chosen by `source.kind`."""

import importlib
from typing import Any

from tfx_contrastive.components.image_example_gen.adapters.base import Adapter

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

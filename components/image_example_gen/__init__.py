"""Images from many kinds of sources to `tf.train.Example` files; bad images to a quarantine."""

from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.components.image_example_gen.inspection import (
    SourceInspection,
    inspect_source,
    require_enough_labels,
)
from tfx_contrastive.contract.errors import DataError

from .fingerprints import fingerprint

__all__ = [
    "DataError",
    "IngestConfig",
    "SourceInspection",
    "fingerprint",
    "inspect_source",
    "require_enough_labels",
]

"""Read images from many kinds of sources; write `tf.train.Example` files and a quarantine of bad images.

Before a run: `inspection` lists a source, `survey` looks at a sample of its images, `forecast` tells what
the run will find, `fingerprints` tells if the data changed. In a run: `executor`, `transforms` (Beam),
`splits` with `groups`, `labels_file` and `near_copies` (the decisions), `quarantine`. One file per kind of
source: `adapters/`.
"""

from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.components.image_example_gen.fingerprints import fingerprint
from tfx_contrastive.components.image_example_gen.inspection import SourceInspection, inspect_source
from tfx_contrastive.contract.errors import DataError

__all__ = [
    "DataError",
    "IngestConfig",
    "SourceInspection",
    "fingerprint",
    "inspect_source",
]

"""The training data that new images are compared with: a bounded sample of the embeddings."""

import dataclasses
import heapq
from collections.abc import Sequence

import numpy as np

from tfx_contrastive.components.embeddings import embeddings
from tfx_contrastive.components.embeddings.images import read_images
from tfx_contrastive.contract.errors import InputError

_PLACE = ("image_id", "examples_file", "record")


@dataclasses.dataclass(frozen=True)
class Reference:
    """Some images of a split.

    Attributes:
        vectors: float32 [N, D].
        places: `image_id`, `examples_file` and `record` of each, N.
        examples_uri: Where the images are.
    """

    vectors: np.ndarray
    places: Sequence[tuple[str, str, int]]
    examples_uri: str

    def images(self) -> list[bytes]:
        """The encoded images, N.

        Raises:
            ValueError: If the examples are not there any more.
        """
        found = read_images(self.examples_uri, self.places)
        return [found[image_id] for image_id, _, _ in self.places]


def sample_reference(uri: str, split: str, max_images: int) -> Reference:
    """A uniform sample of a split that doesn't depend on shards: the smallest image ids, which are digests.

    Args:
        uri: Of an Embeddings artifact.
        split: Which images.
        max_images: How many at most.

    Raises:
        ValueError: If the split has no image.
    """
    kept: list[tuple[str, str, int, bytes]] = []
    for table in embeddings.read_shards(uri, [*_PLACE, embeddings.VECTOR], [split]):
        columns = (table[name].to_pylist() for name in _PLACE)
        vectors = (vector.tobytes() for vector in embeddings.vectors_of(table))
        kept = heapq.nsmallest(max_images, [*kept, *zip(*columns, vectors, strict=True)])
    if not kept:
        raise InputError(f"The embeddings {uri!r} hold no image of the split {split!r}.")
    return Reference(
        np.stack([np.frombuffer(row[3], np.float32) for row in kept]),
        [row[:3] for row in kept],
        embeddings.read_meta(uri).examples_uri,
    )

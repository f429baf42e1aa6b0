"""Search by image (docs/search.md)."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from tfx_contrastive.components.embeddings.store import read_images
from tfx_contrastive.components.examples.decode import BOMB_PIXELS, as_png, for_model
from tfx_contrastive.components.model.served import Classes, ServedModel
from tfx_contrastive.components.similarity_index_gen.index import SimilarityIndex
from tfx_contrastive.contract.errors import RejectedError, UnreadableImagesError

Answer = TypeVar("Answer")


@dataclasses.dataclass(frozen=True)
class Neighbor:
    """An indexed image that a search has found.

    Attributes:
        similarity: Cosine similarity to the query, in [-1, 1].
        image_id: SHA-256 of its size and decoded pixels, hex.
        source: Place of the image, relative to the data root.
        split: `train`, `eval` or `test`.
        label: Name of its class; None if it has no label.
        examples_file: File of examples that holds it, relative to the URI of the Examples artifact.
        record: Position of its record in that file.
    """

    similarity: float
    image_id: str
    source: str
    split: str
    label: str | None
    examples_file: str
    record: int


class ImageSearch:
    """Search among indexed images for those that are similar to given ones."""

    def __init__(self, index: SimilarityIndex, model: ServedModel):
        """Store an index and a model of the same encoder.

        Raises:
            InputError: If the index was made with another encoder.
        """
        index.require_encoder(model.fingerprint)
        self.index = index
        self.model = model

    @classmethod
    def open(cls, index_uri: str, model_dir: str = "") -> "ImageSearch":
        """Load an index and its model.

        Args:
            index_uri: URI of a SimilarityIndex artifact.
            model_dir: Directory of a SavedModel with the same encoder; empty for the model that the index
                names.

        Raises:
            InputError: If the index was made with another encoder.
            ValueError: If the index or the model does not exist.
        """
        index = SimilarityIndex.load(index_uri)
        return cls(index, ServedModel(model_dir or index.description.model_dir))

    def neighbors(
        self, images: Sequence[bytes], k: int = 10, label: str | None = None
    ) -> list[list[Neighbor]]:
        """Find the k most similar indexed images of each image.

        Args:
            images: Encoded images, N, in any format that training accepts (docs/data.md).
            k: Number of images to find per image.
            label: Label of the images to search among; None for all images.

        Returns:
            N lists, each with the most similar image first.

        Raises:
            UnreadableImagesError: If images can't be decoded.
            ValueError: If k or the label is wrong.
        """
        if not images:
            return []
        vectors = _answer(self.model.embed, images, self.model.bit_depth)
        rows, similarities = self.index.search(vectors, self.model.fingerprint, k, label)
        names = [field.name for field in dataclasses.fields(Neighbor)[1:]]
        found = []
        for row_numbers, values in zip(rows.tolist(), similarities.tolist(), strict=True):
            hits = [(row, value) for row, value in zip(row_numbers, values, strict=True) if row >= 0]
            columns = self.index.rows.select(names).take([row for row, _ in hits]).to_pylist()
            found.append([Neighbor(value, **each) for (_, value), each in zip(hits, columns, strict=True)])
        return found

    def classify(self, images: Sequence[bytes]) -> Classes:
        """Classify images in any format that training accepts; see `ServedModel.classify`."""
        return _answer(self.model.classify, images, self.model.bit_depth)

    def images_of(self, neighbors: Iterable[Neighbor]) -> dict[str, bytes]:
        """Return the encoded images of neighbors by `image_id`; only the files that contain them are read.

        Raises:
            ValueError: If the examples are not there any more.
        """
        places = [(each.image_id, each.examples_file, each.record) for each in neighbors]
        return read_images(self.index.description.examples_uri, places)


def _answer(model: Callable[[Sequence[bytes]], Answer], images: Sequence[bytes], bit_depth: int) -> Answer:
    """Call a model with images, each converted to a form that the model reads as in training.

    Raises:
        UnreadableImagesError: If images can't be decoded.
    """
    prepared = _converted(images, range(len(images)), for_model, bit_depth)
    try:
        return model(prepared)
    except UnreadableImagesError as error:
        # Pillow decodes images that TensorFlow's decoders refuse, as in ImageExampleGen.
        others = _converted(images, error.positions, as_png, bit_depth)
        given = dict(zip(error.positions, others, strict=True))
        return model([given.get(position, image) for position, image in enumerate(prepared)])


def _converted(
    images: Sequence[bytes],
    positions: Iterable[int],
    convert: Callable[[bytes, int, int], bytes],
    bit_depth: int,
) -> list[bytes]:
    """Convert the images at these positions.

    Raises:
        UnreadableImagesError: If images can't be decoded; it names all of them.
    """
    converted, refused = [], {}
    for position in positions:
        try:
            converted.append(convert(images[position], BOMB_PIXELS, bit_depth))
        except RejectedError as error:
            refused[position] = f"{error.reason.value}: {error.detail}"
    if refused:
        raise UnreadableImagesError(list(refused), next(iter(refused.values())))
    return converted

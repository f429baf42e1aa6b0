"""The samples that the drift check compares, and the divergence of their image statistics."""

import collections
import dataclasses
import heapq
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfx_contrastive.components.embeddings import store
from tfx_contrastive.components.embeddings.store import read_images
from tfx_contrastive.components.examples.decode import DecodedImage, decode
from tfx_contrastive.components.examples.model_input import SeenAs, on_ground
from tfx_contrastive.components.image_example_gen.adapters.image_folder import ImageFolderAdapter
from tfx_contrastive.components.image_example_gen.adapters.source_files import read_entry
from tfx_contrastive.components.image_example_gen.config import ImageFolderSource
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError, InputError, RejectedError
from tfx_contrastive.contract.examples import BRIGHTNESS, CHANNELS, CONTRAST, ENTROPY, HEIGHT, WIDTH

# Not `num_bytes`, which another PNG encoder would change without changing a pixel.
FEATURES = (BRIGHTNESS, CONTRAST, ENTROPY, HEIGHT, WIDTH, CHANNELS)
STATISTICS_FILE = "FeatureStats.pb"

_PLACE = ("image_id", "examples_file", "record")
_CHUNK = 4096
_ALL = SeenAs()


@dataclasses.dataclass(frozen=True)
class Reference:
    """Training images that new images are compared with.

    Attributes:
        vectors: Embeddings of the images, float32 [N, D].
        places: `image_id`, `examples_file` and `record` of each image, N.
        examples_uri: URI of the Examples artifact that holds the images.
    """

    vectors: NDArray[Any]
    places: Sequence[tuple[str, str, int]]
    examples_uri: str

    def images(self) -> list[bytes]:
        """Return the encoded images, N.

        Raises:
            ValueError: If the examples are not there any more.
        """
        found = read_images(self.examples_uri, self.places)
        return [found[image_id] for image_id, _, _ in self.places]


def sample_reference(uri: str, split: str, max_images: int) -> Reference:
    """Return the images of a split with the smallest ids, which is a uniform sample, as ids are digests.

    Args:
        uri: URI of an Embeddings artifact.
        split: The split to draw from.
        max_images: Maximum size of the sample.

    Raises:
        ValueError: If the split has no image.
    """
    kept: list[tuple[str, str, int, bytes]] = []
    for table in store.read_shards(uri, [*_PLACE, store.VECTOR], [split]):
        columns = (table[name].to_pylist() for name in _PLACE)
        vectors = (vector.tobytes() for vector in store.vectors_of(table))
        kept = heapq.nsmallest(max_images, [*kept, *zip(*columns, vectors, strict=True)])
    if not kept:
        raise InputError(f"The embeddings {uri!r} hold no image of the split {split!r}.")
    return Reference(
        np.stack([np.frombuffer(row[3], np.float32) for row in kept]),
        [row[:3] for row in kept],
        store.read_meta(uri).examples_uri,
    )


@dataclasses.dataclass(frozen=True)
class NewImages:
    """A sample of new images.

    Attributes:
        images: The images that can be used.
        set_aside: Reason -> number of images that can't be used for this reason.
        num_found: Number of files in the directory.
        seen_as: The model's view of an image.
    """

    images: tuple[DecodedImage, ...]
    set_aside: Mapping[str, int]
    num_found: int
    seen_as: SeenAs = _ALL

    @property
    def bad_fraction(self) -> float:
        """Share of the sample that can't be used."""
        bad = sum(self.set_aside.values())
        return bad / max(1, bad + len(self.images))


def sample_images(
    path: str, max_images: int, max_pixels: int, max_file_bytes: int, seed: int, seen_as: SeenAs = _ALL
) -> NewImages:
    """Draw a random sample of the images in a directory tree, decoded as ImageExampleGen does.

    Args:
        path: The directory, local or on an object store; subdirectories are read too.
        max_images: Maximum size of the sample.
        max_pixels: Maximum width times height of an image.
        max_file_bytes: Maximum size of a file, in bytes.
        seed: Seed of the sample.
        seen_as: The model's view of an image.

    Raises:
        DataError: If there is no such directory or no file in it.
    """
    # Folders of new images may have any names: no image is left out for the split or class it seems to have.
    adapter = ImageFolderAdapter(ImageFolderSource(path=path, layout="classes"), max_file_bytes)
    entries = [entry for chunk in adapter.chunks("", _CHUNK) for entry in chunk.entries]
    order = np.random.default_rng(seed).permutation(len(entries))[:max_images]
    images, set_aside = [], collections.Counter[str]()
    for number in np.sort(order):
        read = read_entry(entries[number], max_file_bytes)
        if read.rejected is not None:
            set_aside[read.rejected[0].value] += 1
            continue
        try:
            images.append(decode(read.data, read.source, read.checks_extension, max_pixels, seen_as))
        except RejectedError as error:
            set_aside[error.reason.value] += 1
    if not images:
        raise DataError(f"Received {path}, none of whose {len(entries)} files is an image that can be used.")
    return NewImages(tuple(images), dict(set_aside), len(entries), seen_as)


def image_divergences(
    pixels: Sequence[NDArray[Any]], reference_dir: str, threshold: float, seen_as: SeenAs
) -> dict[str, float]:
    """Return the Jensen-Shannon divergence per feature between new images and a split's statistics.

    Args:
        pixels: Decoded images, uint8 [H, W, C] each.
        reference_dir: Directory of StatisticsGen's `FeatureStats.pb` of the training split.
        threshold: TFDV's drift threshold, which the schema for the comparison must state.
        seen_as: The model's view of an image, which names the background of transparent pixels.

    Returns:
        Feature -> divergence (base 2), in [0, 1]; features that the reference lacks are left out.

    Raises:
        ValueError: If there are no statistics.
    """
    import tensorflow_data_validation as tfdv

    path = files.join(reference_dir, STATISTICS_FILE)
    if not files.is_file(path):
        raise InputError(f"Received {reference_dir!r}, which holds no {STATISTICS_FILE} of StatisticsGen.")
    reference = tfdv.load_stats_binary(path)
    new = tfdv.generate_statistics_from_dataframe(_frame(_columns(pixels, seen_as)))
    anomalies = tfdv.validate_statistics(new, _schema(threshold), previous_statistics=reference)
    return {
        info.path.step[0]: measured.value
        for info in anomalies.drift_skew_info
        for measured in info.drift_measurements
    }


def _columns(pixels: Sequence[NDArray[Any]], seen_as: SeenAs) -> Mapping[str, NDArray[Any]]:
    from tfx_contrastive.components.examples.features import (
        pixel_statistics,
    )  # imports tfx_bsl, which takes seconds

    statistics = [pixel_statistics(on_ground(image, seen_as)[np.newaxis]) for image in pixels]
    brightness, contrast, entropy = (np.concatenate(each) for each in zip(*statistics, strict=True))
    sizes = np.array([image.shape for image in pixels], np.int64)
    columns = (brightness, contrast, entropy, sizes[:, 0], sizes[:, 1], sizes[:, 2])
    return dict(zip(FEATURES, columns, strict=True))


def _frame(columns: Mapping[str, NDArray[Any]]) -> Any:
    import pandas as pd

    return pd.DataFrame(dict(columns))


def _schema(threshold: float) -> Any:
    from tensorflow_metadata.proto.v0 import schema_pb2

    schema = schema_pb2.Schema()
    for name in FEATURES:
        is_size = name in (HEIGHT, WIDTH, CHANNELS)
        feature = schema.feature.add(name=name, type=schema_pb2.INT if is_size else schema_pb2.FLOAT)
        feature.drift_comparator.jensen_shannon_divergence.threshold = threshold
    return schema

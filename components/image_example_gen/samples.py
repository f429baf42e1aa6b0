"""Read some images of a source as ImageExampleGen does, without a pipeline."""

import collections
import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np

from tfx_contrastive.components.examples.decode import decode
from tfx_contrastive.components.examples.model_input import blank_images
from tfx_contrastive.components.examples.png import encode_png
from tfx_contrastive.components.image_example_gen.adapters import Adapter, adapter_for
from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.contract.errors import DataError, RejectedError
from tfx_contrastive.contract.examples import TRAIN

from .records import UNSPLIT, ArrayBatch, EncodedImage, Entry

# Neighbors in a source look alike (a folder is a class), so take one image from each of many small parts.
_CHUNK_IMAGES = 16


@dataclasses.dataclass(frozen=True)
class SampledImage:
    """One image that can be used; `encoded` holds the bytes that training would decode."""

    source: str
    label: str | None
    encoded: bytes


@dataclasses.dataclass(frozen=True)
class SampledSource:
    """Some images of a source; `rejected` holds reason -> number of images that can't be used."""

    images: tuple[SampledImage, ...]
    rejected: Mapping[str, int]


def sample_images(ingest: IngestConfig, num_images: int, seed: int) -> SampledSource:
    """Read images from all over a source, without those that it keeps for eval or test.

    Args:
        ingest: The configuration; its splits by hash and its label budget are not applied.
        num_images: The largest number of images.
        seed: Seed of the choice.

    Raises:
        DataError: If the source can't be read, or has no image for training.
    """
    adapter = adapter_for(ingest.source, ingest.max_file_bytes)
    rejected: collections.Counter[str] = collections.Counter()
    images: list[SampledImage] = []
    with tempfile.TemporaryDirectory() as staging_dir:
        chunks = adapter.chunks(staging_dir, _CHUNK_IMAGES)
        order = np.random.default_rng(seed).permutation(len(chunks))
        todo = collections.deque(_usable(adapter, chunks[i], ingest, rejected) for i in order)
        with contextlib.ExitStack() as readers:
            for reader in todo:
                readers.callback(reader.close)
            while todo and len(images) < num_images:
                reader = todo.popleft()
                image = next(reader, None)
                if image is not None:
                    images.append(image)
                    todo.append(reader)
    if not images:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(rejected.items()))
        raise DataError(
            f"Received {ingest.source}, in which no image can be trained on"
            f"{f' ({reasons})' if reasons else ''}; expected at least one."
        )
    return SampledSource(tuple(images), dict(rejected))


def _usable(
    adapter: Adapter, chunk: Any, ingest: IngestConfig, rejected: collections.Counter[str]
) -> Generator[SampledImage, None, None]:
    """Yield the images of a chunk for training; count the rejected ones."""
    found = adapter.read(chunk)
    if isinstance(found, ArrayBatch):
        yield from _of_array(found, ingest, rejected)
        return
    for image in found:
        if image.split not in (TRAIN, UNSPLIT):
            continue
        try:
            decoded = decode(
                image.content(), image.source, image.checks_extension, ingest.max_pixels, ingest.seen_as
            )
        except RejectedError as error:
            rejected[error.reason.value] += 1
            continue
        yield SampledImage(image.source, image.label, decoded.encoded)


def _of_array(
    batch: ArrayBatch, ingest: IngestConfig, rejected: collections.Counter[str]
) -> Iterator[SampledImage]:
    if batch.split not in (TRAIN, UNSPLIT):
        return
    blank = blank_images(batch.pixels, ingest.seen_as)
    for i, (label, source) in enumerate(zip(batch.labels, batch.sources, strict=True)):
        if i in blank:
            rejected[blank[i].reason.value] += 1
        else:
            yield SampledImage(source, label, encode_png(batch.pixels[i : i + 1])[0])


NUM_IMAGES = 256  # random ones, besides the first and the last of every class in every split
CHUNK_IMAGES = 64
_MAX_DOUBTFUL = 100  # largest number of classes without a usable image that are sampled again
_MORE_OF_A_CLASS = 30  # largest number of images of each

Group = tuple[str, str | None]  # split and class


def some_images(adapter: Any, chunks: Sequence[Any], seed: int) -> Iterator[EncodedImage | ArrayBatch]:
    """Yield images from all over a source, with the first and the last of each class in each split.

    Args:
        adapter: The adapter of the source.
        chunks: All chunks of the source.
        seed: Seed of the choice.
    """
    rng = np.random.default_rng(seed)
    if not chunks:
        return
    if hasattr(chunks[0], "entries"):
        entries = [entry for chunk in chunks for entry in chunk.entries]
        chosen = _chosen(entries, lambda entry: (entry.split, entry.label), rng)
        yield from adapter.read(dataclasses.replace(chunks[0], entries=tuple(entries[i] for i in chosen)))
        return
    for i in _chosen(chunks, lambda part: (part.split, None), rng, NUM_IMAGES // CHUNK_IMAGES):
        yield adapter.read(chunks[i])


def more_images(
    adapter: Any, chunks: Sequence[Any], class_names: Sequence[str], seen: Set[str], seed: int
) -> Iterator[EncodedImage | ArrayBatch]:
    """Yield more images of classes of which every image so far was rejected."""
    if not chunks or not hasattr(chunks[0], "entries"):
        return
    found: dict[str, list[Entry]] = {name: [] for name in class_names[:_MAX_DOUBTFUL]}
    for entry in (entry for chunk in chunks for entry in chunk.entries):
        if entry.label in found and entry.source not in seen:
            found[entry.label].append(entry)
    rng = np.random.default_rng(seed)
    more = [
        entries[i] for entries in found.values() for i in rng.permutation(len(entries))[:_MORE_OF_A_CLASS]
    ]
    if more:
        yield from adapter.read(dataclasses.replace(chunks[0], entries=tuple(more)))


def _chosen(
    items: Sequence[Entry | Any],
    group_of: Callable[[Any], Group],
    rng: np.random.Generator,
    num_items: int = NUM_IMAGES,
) -> list[int]:
    """Return distinct indices: the last item of every group, the first of every group, and random ones."""
    last = {group_of(item): i for i, item in enumerate(items)}
    first = {group_of(items[i]): i for i in range(len(items) - 1, -1, -1)}
    chance = rng.permutation(len(items))[:num_items].tolist()
    return list(dict.fromkeys([*last.values(), *first.values(), *chance]))

"""Which images `validate` looks at."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence, Set
from typing import Any

import numpy as np

from tfx_contrastive.components.examples.records import ArrayBatch, EncodedImage, Entry

NUM_IMAGES = 256  # by chance; beside them the first and the last of every class in every split
CHUNK_IMAGES = 64
_MAX_DOUBTFUL = 100  # classes without a good image in the sample that are looked into once more,
_MORE_OF_A_CLASS = 30  # and the images of each

Group = tuple[str, str | None]  # split and class


def some_images(adapter: Any, chunks: Sequence[Any], seed: int) -> Iterator[EncodedImage | ArrayBatch]:
    """Images from all over a source, the first and the last of each class in each split among them.

    Args:
        adapter: Reads the source.
        chunks: All of it, as the adapter divides it.
        seed: Which images.
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
    """More images of some classes, each of which may have good ones beside the bad ones that were seen."""
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
    """Positions: the last of every group, the first of every group, and more by chance, without repeats."""
    last = {group_of(item): i for i, item in enumerate(items)}
    first = {group_of(items[i]): i for i in range(len(items) - 1, -1, -1)}
    chance = rng.permutation(len(items))[:num_items].tolist()
    return list(dict.fromkeys([*last.values(), *first.values(), *chance]))

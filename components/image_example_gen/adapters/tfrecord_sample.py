"""Some records from all over TFRecord files, and about how many there are: a quick look at large ones."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from tfx_contrastive.components.examples import tfrecord_file
from tfx_contrastive.components.examples.records import EncodedImage
from tfx_contrastive.components.image_example_gen.adapters import base
from tfx_contrastive.contract import files

# Files that are looked into, and records whose lengths are followed, at most.
_MAX_FILES = 100
_MAX_RECORDS = 500_000


class RecordFile(Protocol):
    """One file: where it is, its name under the root, its split."""

    @property
    def path(self) -> str: ...  # noqa: D102
    @property
    def relative(self) -> str: ...  # noqa: D102
    @property
    def split(self) -> str: ...  # noqa: D102


class Sampler:
    """Picks records; remembers about how many each split has in `num_records`."""

    def __init__(self, found: Sequence[RecordFile], num_images: int, seed: int):
        self._files = found
        self._rng = np.random.default_rng(seed)
        if len(found) > _MAX_FILES:
            middle = 1 + self._rng.permutation(len(found) - 2)[: _MAX_FILES - 2]
            self._chosen = [0, *sorted(middle.tolist()), len(found) - 1]
        else:
            self._chosen = list(range(len(found)))
        self._per_file = max(num_images // len(self._chosen), 2)
        self.num_records: dict[str, float] = {}

    def records(self) -> Iterator[tuple[RecordFile, int, bytes]]:
        """Gives file, position in the file, and record.

        Raises:
            DataError: If a file is damaged or of another format, as far as that shows.
        """
        counted: dict[str, float] = {}
        bytes_seen: dict[str, int] = {}
        for file in (self._files[i] for i in self._chosen):
            size = _size(file)
            numbers, records, total = self._of_file(file, size)
            for number, record in zip(numbers, records, strict=False):
                yield file, number, record
            counted[file.split] = counted.get(file.split, 0) + total
            bytes_seen[file.split] = bytes_seen.get(file.split, 0) + size
        all_bytes: dict[str, int] = {}
        for file in self._files:
            all_bytes[file.split] = all_bytes.get(file.split, 0) + _size(file)
        for split, total in counted.items():
            self.num_records[split] = total * all_bytes[split] / max(bytes_seen[split], 1)

    def _of_file(self, file: RecordFile, size: int) -> tuple[list[int], Iterator[bytes], float]:
        """Positions of some records, the records, and about how many the file has."""
        offsets, is_all = tfrecord_file.offsets(file.path, _MAX_RECORDS // len(self._chosen) + 2)
        if not offsets:
            # Compressed, or none: read from the beginning. Images hardly shrink: the size tells the number.
            first = list(itertools.islice(tfrecord_file.read(file.path), self._per_file))
            num_bytes = sum(map(len, first)) or 1
            return list(range(len(first))), iter(first), max(size * len(first) / num_bytes, len(first))
        last = len(offsets) - 1
        chance = self._rng.permutation(last + 1)[: max(self._per_file - 2, 0)].tolist()
        numbers = sorted({0, last, *chance})
        total = len(offsets) if is_all else size * last / offsets[-1]
        return numbers, tfrecord_file.read_at(file.path, [offsets[i] for i in numbers]), total


def scaled_up(
    images: Sequence[EncodedImage], num_records: dict[str, float]
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Counts of a sample brought to the number of records that each split has."""
    labels, unlabelled = base.count_labels((image.split, image.label) for image in images)
    for split, total in num_records.items():
        counts = labels.get(split, {})
        sampled = sum(counts.values()) + unlabelled.get(split, 0)
        factor = total / sampled if sampled else 0.0
        if counts:
            labels[split] = {name: max(round(count * factor), 1) for name, count in counts.items()}
        if split in unlabelled:
            unlabelled[split] = max(round(unlabelled[split] * factor), 1)
    return labels, unlabelled


def _size(file: RecordFile) -> int:
    info = files.stat(file.path)
    return info.size if info else 0

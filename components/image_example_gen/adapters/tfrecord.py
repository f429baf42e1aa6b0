"""Read TFRecord files of `tf.train.Example`."""

import collections
import contextlib
import dataclasses
import itertools
import posixpath
import re
from collections.abc import Iterator, Sequence

import numpy as np

from tfx_contrastive.components.examples import names, tfrecords
from tfx_contrastive.components.examples.file_formats import STAND_INS
from tfx_contrastive.components.image_example_gen.adapters import source_files
from tfx_contrastive.components.image_example_gen.adapters.example_reader import ExampleReader
from tfx_contrastive.components.image_example_gen.config import TfRecordSource
from tfx_contrastive.contract import file_info, files
from tfx_contrastive.contract.errors import DataError

from ..records import UNSPLIT, Content, EncodedImage, Listing, Sketch, count_labels

_WHOLE_BYTES = 1 << 26  # a sketch reads sources up to this size as a whole


@dataclasses.dataclass(frozen=True)
class RecordFile:
    """One file, which is also a chunk, because records can't be found by position."""

    path: str
    relative: str
    split: str


class TfRecordAdapter:
    """Reads images and labels from Examples, in plain files or compressed ones (gzip, zlib)."""

    def __init__(self, source: TfRecordSource, max_file_bytes: int):
        del max_file_bytes  # one file holds many images
        self._source = source

    def listing(self) -> Listing:
        """Read every record, because only the records hold the labels.

        Raises:
            DataError: If a label can't be understood, or no record has the configured keys.
        """
        infos, passed_over = self._infos()
        reader = ExampleReader(self._source)
        images = (image for file in self._files(infos) for image in _images(file, reader))
        counts = count_labels((image.split, image.label) for image in images if not image.rejected)
        reader.check()
        source = self._source
        keys = (source.image_feature, source.label_feature or "label", *source.class_names)
        warnings = _warnings(reader, infos)
        content = Content(tuple(infos), keys)
        return Listing(content, *counts, passed_over=passed_over, warnings=warnings)

    def sketch(self, num_images: int, seed: int) -> Sketch:
        """Read all records of a small source, or some records from all over the files of a large one.

        Raises:
            DataError: As `listing` does, except for problems that only all records can show.
        """
        infos, passed_over = self._infos()
        found, reader = self._files(infos), ExampleReader(self._source)
        is_exact = sum(info.size for info in infos) <= _WHOLE_BYTES
        if is_exact:
            images = [image for file in found for image in _images(file, reader)]
            reader.check()
            counts = count_labels((image.split, image.label) for image in images if not image.rejected)
        else:
            sampler = Sampler(found, num_images, seed)
            images = [
                reader.image(record, file.path, number, file.split, file.relative)
                for file, number, record in sampler.records()
            ]
            reader.check_images()
            good = [image for image in images if not image.rejected]
            counts = scaled_up(good, sampler.num_records)
        problem = reader.label_problem()
        warnings = _warnings(reader, infos)
        listing = Listing(Content(()), *counts, passed_over=passed_over, warnings=warnings)
        return Sketch(listing, is_exact, images, [problem] if problem else [])

    def chunks(self, staging_dir: str, chunk_images: int) -> list[RecordFile]:
        """Return one chunk per file."""
        del staging_dir, chunk_images
        return self._files(self._infos()[0])

    def read(self, chunk: RecordFile) -> Iterator[EncodedImage]:
        """Read the records of a file."""
        return _images(chunk, ExampleReader(self._source))

    def _infos(self) -> tuple[list[file_info.FileInfo], dict[str, int]]:
        """Return the files of records, and the number of other files by kind."""
        path = self._source.path
        if not files.is_directory(path):
            return [source_files.require_file(path, "the TFRecord file")], {}
        infos = [
            info for info in source_files.walk(path, with_hidden=True) if info.problem in ("", "outside")
        ]
        shown = [info for info in infos if not any(map(names.is_hidden, info.relative.split("/")))]
        if not shown:
            raise DataError(f"Received the directory {path}, which holds no file; expected TFRecord files.")
        records = _record_files([info for info in shown if _kind(info.relative) is None] or shown, path)
        found = {info.relative for info in records}
        beside = (info.relative for info in infos if info.relative not in found)
        kinds = collections.Counter(_kind(relative) or "files of another format" for relative in beside)
        return records, dict(sorted(kinds.items()))

    def _files(self, infos: list[file_info.FileInfo]) -> list[RecordFile]:
        is_directory = files.is_directory(self._source.path)  # the name of a single file states no split
        splits = [split_of(info.relative) if is_directory else UNSPLIT for info in infos]
        return [
            RecordFile(info.path, info.relative, split) for info, split in zip(infos, splits, strict=True)
        ]


def _record_files(infos: list[file_info.FileInfo], path: str) -> list[file_info.FileInfo]:
    """Leave out other files beside TFRecord files, such as Spark's `_SUCCESS` and `dataset_info.json`.

    Raises:
        DataError: If no TFRecord file is left; names the formats of the others.
    """
    others = {info.relative: tfrecords.other_format(info.path) for info in infos}
    found = [info for info in infos if not _is_beside(info, others[info.relative])]
    if not found:
        shown = ", ".join(f"{name}: {other or 'an empty file'}" for name, other in list(others.items())[:5])
        raise DataError(
            f"Received the directory {path}, in which no file is a TFRecord file ({shown}"
            f"{', …' if len(others) > 5 else ''}); expected TFRecord files of tf.train.Example, as they are "
            "or compressed with gzip or zlib. Correct data.source."
        )
    return found


def _is_beside(info: file_info.FileInfo, other_format: str | None) -> bool:
    """Return whether a file only lies beside the records, and is no damaged part of them."""
    name = info.relative.split("/")[-1].lower()
    if info.size == 0:
        return name.startswith("_")  # Spark's and Hadoop's _SUCCESS, _started, …
    is_part = "tfrecord" in name and not name.endswith((".json", ".txt", ".md", ".crc", ".index"))
    return other_format is not None and not is_part and other_format not in STAND_INS


def _kind(relative: str) -> str | None:
    """Return the kind of a file by its name; None if the name may be that of a TFRecord file."""
    found = names.passed_over(relative)
    is_record = names.extension(relative) in (".tfrecord", ".tfrecords", ".gz")
    return found[0] if found and not (is_record and found[0].startswith(".")) else None


def _warnings(reader: ExampleReader, infos: list[file_info.FileInfo]) -> tuple[str, ...]:
    """Return warnings about the records that were read, and the names of their files."""
    return (*reader.warnings(), *name_warnings([info.relative for info in infos]))


def _images(file: RecordFile, reader: ExampleReader) -> Iterator[EncodedImage]:
    for number, record in enumerate(tfrecords.read(file.path)):
        yield reader.image(record, file.path, number, file.split, file.relative)


_PART = re.compile(r"(?P<before>.*?)[-_.]?(?P<number>\d+)-of-(?P<total>\d+)(?P<after>.*)")
_TFDS = re.compile(r"(?P<data_set>.+)-(?P<split>[^-]+)\.tfrecord\b.*")


def split_of(relative: str) -> str:
    """Return the split that the innermost directory (also `Split-<name>`) or the file's name states."""
    *directories, name = relative.split("/")
    stated = (names.split_of(directory) for directory in reversed(directories))
    return next(filter(None, stated), None) or names.split_in_file_name(name) or UNSPLIT


def name_warnings(relatives: Sequence[str]) -> list[str]:
    """Warn of missing parts (`train-00001-of-00003`), and of several data sets in one directory.

    Args:
        relatives: Paths of the files, with forward slashes.
    """
    return [*_missing_parts(relatives), *_several_sets(relatives)]


def _missing_parts(relatives: Sequence[str]) -> list[str]:
    parts: dict[tuple[str, str, str], set[int]] = collections.defaultdict(set)
    for relative in relatives:
        directory, name = posixpath.split(relative)
        if match := _PART.fullmatch(name):
            before = posixpath.join(directory, match["before"])
            parts[before, match["total"], match["after"]].add(int(match["number"]))
    missing = [
        f"{before}-{number:0{len(total)}}-of-{total}{after}"
        for (before, total, after), found in sorted(parts.items())
        if int(total) < 1_000_000
        for number in sorted(set(range(int(total))) - found)
    ]
    if not missing:
        return []
    verb = "is" if len(missing) == 1 else "are"
    return [
        f"{names.listed(missing, 3)} {verb} not there: by the names of the files beside, records are missing"
    ]


def _several_sets(relatives: Sequence[str]) -> list[str]:
    """Warn of several data sets as TensorFlow Datasets names them, or of several versions of one."""
    found = collections.defaultdict(set)
    for relative in relatives:
        directory, name = posixpath.split(relative)
        if (match := _TFDS.fullmatch(name)) and names.split_of(match["split"]):
            found[match["data_set"]].add(directory)
    versions = {name: places for name, places in found.items() if len(places) > 1}
    if len(found) > 1:
        return [
            f"the data sets {names.listed(sorted(found))} are read as one; let data.source.path name the "
            "directory of one of them if that is not meant"
        ]
    return [
        f"the data set {name} is in several directories, {names.listed(sorted(places))}, which are read as "
        "one; are they versions? Then let data.source.path name one of them"
        for name, places in versions.items()
        if not any(split_of(f"{place}/x") for place in places)
    ]


# Largest number of files to open, and of records whose lengths are followed.
_MAX_FILES = 100
_MAX_RECORDS = 500_000


class Sampler:
    """Picks records; estimates the number of records of each split in `num_records`."""

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
        """Yield file, position in the file, and record.

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
        """Return positions of some records, the records, and the estimated number of records in the file."""
        offsets, is_all = tfrecords.offsets(file.path, _MAX_RECORDS // len(self._chosen) + 2)
        if not offsets:
            # Compressed or empty: read from the beginning. Images hardly shrink: size tells the number.
            with contextlib.closing(tfrecords.read(file.path)) as records:
                first = list(itertools.islice(records, self._per_file))
            num_bytes = sum(map(len, first)) or 1
            return list(range(len(first))), iter(first), max(size * len(first) / num_bytes, len(first))
        last = len(offsets) - 1
        chance = self._rng.permutation(last + 1)[: max(self._per_file - 2, 0)].tolist()
        numbers = sorted({0, last, *chance})
        total = len(offsets) if is_all else size * last / offsets[-1]
        return numbers, tfrecords.read_at(file.path, [offsets[i] for i in numbers]), total


def scaled_up(
    images: Sequence[EncodedImage], num_records: dict[str, float]
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Scale the label counts of a sample up to the number of records of each split."""
    labels, unlabeled = count_labels((image.split, image.label) for image in images)
    for split, total in num_records.items():
        counts = labels.get(split, {})
        sampled = sum(counts.values()) + unlabeled.get(split, 0)
        factor = total / sampled if sampled else 0.0
        if counts:
            labels[split] = {name: max(round(count * factor), 1) for name, count in counts.items()}
        if split in unlabeled:
            unlabeled[split] = max(round(unlabeled[split] * factor), 1)
    return labels, unlabeled


def _size(file: RecordFile) -> int:
    info = file_info.stat(file.path)
    return info.size if info else 0

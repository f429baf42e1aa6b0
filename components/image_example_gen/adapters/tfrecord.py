"""TFRecord files of `tf.train.Example`."""

import collections
import dataclasses
from collections.abc import Iterator

from tfx_contrastive.components.examples import names, tfrecord_file
from tfx_contrastive.components.examples.file_formats import STAND_INS
from tfx_contrastive.components.examples.records import UNSPLIT, EncodedImage
from tfx_contrastive.components.image_example_gen.adapters import base, tfrecord_names, tfrecord_sample, walk
from tfx_contrastive.components.image_example_gen.adapters.example_reader import ExampleReader
from tfx_contrastive.components.image_example_gen.config import TfRecordSource
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError

_WHOLE_BYTES = 1 << 26  # a sketch reads sources up to this size whole


@dataclasses.dataclass(frozen=True)
class TfRecordFile:
    """One file; a chunk is a whole file, because records can't be found by position."""

    path: str
    relative: str
    split: str


class TfRecordAdapter:
    """Reads images and labels out of examples, in files as they are or compressed with gzip or zlib."""

    def __init__(self, source: TfRecordSource, max_file_bytes: int):
        del max_file_bytes  # one file holds many images
        self._source = source

    def listing(self) -> base.Listing:
        """Reads every record: the labels are nowhere else.

        Raises:
            DataError: Also if a label is none, or no record has the keys of the configuration.
        """
        infos, passed_over = self._infos()
        reader = ExampleReader(self._source)
        images = (image for file in self._files(infos) for image in _images(file, reader))
        counts = base.count_labels((image.split, image.label) for image in images if not image.rejected)
        reader.check()
        source = self._source
        keys = (source.image_feature, source.label_feature or "label", *source.class_names)
        warnings = _warnings(reader, infos)
        content = base.Content(tuple(infos), keys)
        return base.Listing(content, *counts, passed_over=passed_over, warnings=warnings)

    def sketch(self, num_images: int, seed: int) -> base.Sketch:
        """Reads small sources whole, and of large ones records from all over the files.

        Raises:
            DataError: As `listing` does, but for what only all the records can tell.
        """
        infos, passed_over = self._infos()
        found, reader = self._files(infos), ExampleReader(self._source)
        is_exact = sum(info.size for info in infos) <= _WHOLE_BYTES
        if is_exact:
            images = [image for file in found for image in _images(file, reader)]
            reader.check()
            counts = base.count_labels((image.split, image.label) for image in images if not image.rejected)
        else:
            sampler = tfrecord_sample.Sampler(found, num_images, seed)
            images = [
                reader.image(record, file.path, number, file.split, file.relative)
                for file, number, record in sampler.records()
            ]
            reader.check_images()
            good = [image for image in images if not image.rejected]
            counts = tfrecord_sample.scaled_up(good, sampler.num_records)
        problem = reader.label_problem()
        warnings = _warnings(reader, infos)
        listing = base.Listing(base.Content(()), *counts, passed_over=passed_over, warnings=warnings)
        return base.Sketch(listing, is_exact, images, [problem] if problem else [])

    def chunks(self, staging_dir: str, chunk_images: int) -> list[TfRecordFile]:
        """Gives one chunk a file."""
        del staging_dir, chunk_images
        return self._files(self._infos()[0])

    def read(self, chunk: TfRecordFile) -> Iterator[EncodedImage]:
        """Reads the records of a file."""
        return _images(chunk, ExampleReader(self._source))

    def _infos(self) -> tuple[list[files.FileInfo], dict[str, int]]:
        """The files of records, and what else lies beside them: kind -> number."""
        path = self._source.path
        if not files.is_directory(path):
            return [base.require_file(path, "the TFRecord file")], {}
        infos = [info for info in walk.walk(path, with_hidden=True) if info.problem in ("", "outside")]
        shown = [info for info in infos if not any(map(names.is_hidden, info.relative.split("/")))]
        if not shown:
            raise DataError(f"Received the directory {path}, which holds no file; expected TFRecord files.")
        records = _record_files([info for info in shown if _kind(info.relative) is None] or shown, path)
        found = {info.relative for info in records}
        beside = (info.relative for info in infos if info.relative not in found)
        kinds = collections.Counter(_kind(relative) or "files of another format" for relative in beside)
        return records, dict(sorted(kinds.items()))

    def _files(self, infos: list[files.FileInfo]) -> list[TfRecordFile]:
        is_directory = files.is_directory(self._source.path)  # what a single file is called divides nothing
        splits = [tfrecord_names.split_of(info.relative) if is_directory else UNSPLIT for info in infos]
        return [
            TfRecordFile(info.path, info.relative, split) for info, split in zip(infos, splits, strict=True)
        ]


def _record_files(infos: list[files.FileInfo], path: str) -> list[files.FileInfo]:
    """Leaves out what lies beside TFRecord files: Spark's `_SUCCESS`, `dataset_info.json` and their like.

    Raises:
        DataError: If nothing else is there; it names the formats.
    """
    others = {info.relative: tfrecord_file.other_format(info.path) for info in infos}
    found = [info for info in infos if not _is_beside(info, others[info.relative])]
    if not found:
        shown = ", ".join(f"{name}: {other or 'an empty file'}" for name, other in list(others.items())[:5])
        raise DataError(
            f"Received the directory {path}, in which no file is a TFRecord file ({shown}"
            f"{', …' if len(others) > 5 else ''}); expected TFRecord files of tf.train.Example, as they are "
            "or compressed with gzip or zlib. Correct data.source."
        )
    return found


def _is_beside(info: files.FileInfo, other_format: str | None) -> bool:
    """Whether a file only lies beside the records, and is no lost part of them."""
    name = info.relative.split("/")[-1].lower()
    if info.size == 0:
        return name.startswith("_")  # Spark's and Hadoop's _SUCCESS, _started, …
    is_part = "tfrecord" in name and not name.endswith((".json", ".txt", ".md", ".crc", ".index"))
    return other_format is not None and not is_part and other_format not in STAND_INS


def _kind(relative: str) -> str | None:
    """What a file is by its name, if that is no name of a file of records."""
    found = names.passed_over(relative)
    is_record = names.extension(relative) in (".tfrecord", ".tfrecords", ".gz")
    return found[0] if found and not (is_record and found[0].startswith(".")) else None


def _warnings(reader: ExampleReader, infos: list[files.FileInfo]) -> tuple[str, ...]:
    """What a user should know of the records that were read, and of the names of their files."""
    return (*reader.warnings(), *tfrecord_names.warnings([info.relative for info in infos]))


def _images(file: TfRecordFile, reader: ExampleReader) -> Iterator[EncodedImage]:
    for number, record in enumerate(tfrecord_file.read(file.path)):
        yield reader.image(record, file.path, number, file.split, file.relative)

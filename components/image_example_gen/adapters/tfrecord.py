"""TFRecord files of `tf.train.Example`."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from components.image_example_gen import files
from components.image_example_gen.adapters import base
from components.image_example_gen.config import TfRecordSource
from components.image_example_gen.errors import DataError
from components.image_example_gen.records import UNSPLIT, EncodedImage, Reason


@dataclasses.dataclass(frozen=True)
class TfRecordFile:
    """One file; a chunk is a whole file, because records can't be found by position."""

    path: str
    relative: str
    split: str


class TfRecordAdapter:
    """Reads images and labels out of examples; compressed files end in `.gz`."""

    def __init__(self, source: TfRecordSource, max_file_bytes: int):
        del max_file_bytes  # one file holds many images
        self._source = source

    def listing(self) -> base.Listing:
        """Reads every record: the labels are nowhere else."""
        infos = self._infos()
        pairs = ((split, label) for file in _files(infos) for split, label in self._pairs(file))
        source = self._source
        return base.Listing(
            base.fingerprint_of_files(infos, source.image_feature, source.label_feature, *source.class_names),
            *base.count_labels(pairs),
        )

    def chunks(self, staging_dir: str, chunk_images: int) -> list[TfRecordFile]:
        """Gives one chunk a file."""
        del staging_dir, chunk_images
        return _files(self._infos())

    def read(self, chunk: TfRecordFile) -> Iterator[EncodedImage]:
        """Reads the records of a file."""
        for number, record in enumerate(_records(chunk)):
            source = f"{chunk.relative}/{number}"
            features = _features(record)
            if features is None:
                rejected = (Reason.UNREADABLE, "not a tf.train.Example")
                yield EncodedImage(source, None, chunk.split, b"", rejected=rejected)
                continue
            image = features[self._source.image_feature].bytes_list.value
            if len(image) != 1:
                detail = f"{len(image)} values of {self._source.image_feature!r}; expected one"
                rejected = (Reason.UNREADABLE, detail)
                yield EncodedImage(source, None, chunk.split, b"", rejected=rejected)
                continue
            yield EncodedImage(source, self._label(features), chunk.split, image[0], checks_extension=False)

    def _pairs(self, file: TfRecordFile) -> Iterator[tuple[str, str | None]]:
        for record in _records(file):
            features = _features(record)
            yield file.split, None if features is None else self._label(features)

    def _label(self, features: Any) -> str | None:
        value = features[self._source.label_feature]
        if value.bytes_list.value:
            return value.bytes_list.value[0].decode("utf-8", "replace") or None
        if not value.int64_list.value or value.int64_list.value[0] < 0:
            return None
        number, names = value.int64_list.value[0], self._source.class_names
        if names and number >= len(names):
            raise DataError(
                f"Received {self._source} with the label {number}, but {len(names)} class_names; "
                "name every class, from 0 on, or none."
            )
        return names[number] if names else str(number)

    def _infos(self) -> list[files.FileInfo]:
        path = self._source.path
        if not files.is_directory(path):
            return [base.require_file(path, "the TFRecord file")]
        infos = list(files.walk(path))
        if not infos:
            raise DataError(f"Received the directory {path}, which holds no file; expected TFRecord files.")
        return infos


def _files(infos: list[files.FileInfo]) -> list[TfRecordFile]:
    return [TfRecordFile(info.path, info.relative, _split(info.relative)) for info in infos]


def _split(relative: str) -> str:
    """The split that the first directory states; `Split-<name>`, as TFX writes, counts too."""
    top = relative.split("/")[0].lower().removeprefix("split-")
    return base.SPLIT_NAMES.get(top, UNSPLIT) if "/" in relative else UNSPLIT


def _features(record: bytes) -> Any:
    """The features of an example; None where it is none."""
    import tensorflow as tf
    from google.protobuf import message

    try:
        return tf.train.Example.FromString(record).features.feature
    except message.DecodeError:
        return None


def _records(file: TfRecordFile) -> Iterator[bytes]:
    import tensorflow as tf

    compression = "GZIP" if file.path.endswith(".gz") else ""
    number = 0
    try:
        batches = tf.data.TFRecordDataset(file.path, compression).batch(64)
        for record in _flat(batches):
            yield record
            number += 1
    except tf.errors.OpError as error:
        raise DataError(
            f"Received {file.path}, which is damaged behind about {number} records: {error.message}; "
            "what follows can't be found. Write the file again."
        ) from error


def _flat(batches: Any) -> Iterator[bytes]:
    for batch in batches.as_numpy_iterator():
        yield from batch.tolist()

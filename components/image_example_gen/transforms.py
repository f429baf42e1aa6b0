"""The Beam transform of ImageExampleGen: from a source to examples, by way of staging files.

No image is shuffled: one worker reads and checks a chunk of images and writes it to a staging file. Only
metadata (about 150 bytes per image) travel to the one step that sees everything.
"""

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_contrastive.components.examples import features, model_input, tfrecords
from tfx_contrastive.components.examples.decode import DecodedImage, decode
from tfx_contrastive.components.examples.png import encode_png
from tfx_contrastive.components.image_example_gen import labels_file, near_copies, quarantine
from tfx_contrastive.components.image_example_gen.adapters import adapter_for
from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.components.image_example_gen.splits import SplitPlan, plan_splits
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError, RejectedError
from tfx_contrastive.contract.examples import SPLITS

from .records import ArrayBatch, EncodedImage, SetAside, StagedChunk


class WriteExamples(beam.PTransform):
    """Write a source to `Split-<name>/data_tfrecord-…` files and a quarantine.

    Apply it to the pipeline itself. Bad data (too many bad images, one class only, …) raise no exception:
    the quarantine's summary holds the `error`, and no example is written.
    """

    def __init__(self, ingest_json: str, examples_uri: str, quarantine_uri: str, staging_dir: str):
        """Take the configuration as JSON, and the directories to write to."""
        super().__init__()
        self._ingest_json = ingest_json
        self._examples_uri = examples_uri
        self._quarantine_uri = quarantine_uri
        self._staging_dir = staging_dir

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Return the number of examples of each staged chunk."""
        return (
            pipeline
            | "List" >> beam.Create([self._ingest_json])
            | "Divide" >> beam.FlatMap(divide, self._staging_dir)
            | "SpreadChunks" >> beam.Reshuffle()
            | "Stage" >> beam.ParDo(StageChunk(self._ingest_json, self._staging_dir))
            | "GatherMetadata" >> beam.combiners.ToList()
            | "Plan" >> beam.FlatMap(plan, self._ingest_json, self._examples_uri, self._quarantine_uri)
            | "SpreadAssignments" >> beam.Reshuffle()
            | "WriteSplits" >> beam.Map(write_splits)
        )


def divide(ingest_json: str, staging_dir: str) -> Iterator[tuple[int, Any]]:
    """List the source and number its chunks."""
    config = IngestConfig.model_validate_json(ingest_json)
    adapter = adapter_for(config.source, config.max_file_bytes)
    return iter(enumerate(adapter.chunks(staging_dir, config.chunk_images)))


class StageChunk(beam.DoFn):
    """Writes the images of (index, chunk) to a staging file; yields a StagedChunk."""

    def __init__(self, ingest_json: str, staging_dir: str):
        self._ingest_json = ingest_json
        self._staging_dir = staging_dir

    def setup(self) -> None:
        """Build the adapter once per worker."""
        self._config = IngestConfig.model_validate_json(self._ingest_json)
        self._adapter = adapter_for(self._config.source, self._config.max_file_bytes)

    def process(self, numbered: tuple[int, Any]) -> Iterator[StagedChunk]:
        """Stage one chunk."""
        index, chunk = numbered
        yield _ChunkStager(index, self._staging_dir, self._config).stage(self._adapter.read(chunk))


# Images are encoded to examples in groups of this many: decoded pixels of a group are in memory at once.
_GROUP_IMAGES = 64
_GROUP_BYTES = 64 * 2**20

# Largest number and size of rejected images that a chunk copies for the quarantine.
_SAMPLES_PER_CHUNK = 20
_SAMPLE_BYTES = 2**20

_Place = tuple[str, str | None, str]  # source, label and split of an image


class _ChunkStager:
    """Writes the images of one chunk to a staging file, and collects the metadata for planning."""

    def __init__(self, index: int, staging_dir: str, config: IngestConfig):
        self._path = os.path.join(staging_dir, f"chunk-{index:05d}")
        self._max_pixels = config.max_pixels
        self._seen_as = config.seen_as
        self._index = index
        self._ids: list[npt.NDArray[Any]] = []
        self._thumbnails = [np.zeros((0, near_copies.THUMBNAIL_BYTES), np.uint8)]
        self._places: list[_Place] = []
        self._groups: list[str | None] = []
        self._set_aside: list[SetAside] = []
        self._num_samples = 0
        self._deepest = 0

    def stage(self, images: ArrayBatch | Iterable[EncodedImage]) -> StagedChunk:
        """Write the examples of the good images, and record the rejected ones."""
        with tf.io.TFRecordWriter(self._path) as writer:
            if isinstance(images, ArrayBatch):
                self._write_array(images, writer)
            else:
                self._write_encoded(images, writer)
        ids = np.concatenate(self._ids) if self._ids else np.zeros((0, 32), np.uint8)
        return StagedChunk(
            self._index,
            self._path,
            ids,
            [label for _, label, _ in self._places],
            [split for _, _, split in self._places],
            [source for source, _, _ in self._places],
            self._set_aside,
            np.concatenate(self._thumbnails),
            self._groups,
            self._deepest,
        )

    def _write_array(self, batch: ArrayBatch, writer: tf.io.TFRecordWriter) -> None:
        blank = model_input.blank_images(batch.pixels, self._seen_as)
        for i, why in blank.items():
            digest = hashlib.sha256(batch.pixels[i].tobytes()).hexdigest()
            label = batch.labels[i]
            self._set_aside.append(
                SetAside(batch.sources[i], why.reason, why.detail, digest, "", label, batch.split)
            )
        good = [i for i in range(len(batch.pixels)) if i not in blank]
        pixels = batch.pixels[good] if blank else batch.pixels
        if good:
            places = [(batch.sources[i], batch.labels[i], batch.split) for i in good]
            self._write(pixels, encode_png(pixels), places, writer)

    def _write_encoded(self, images: Iterable[EncodedImage], writer: tf.io.TFRecordWriter) -> None:
        group: list[tuple[EncodedImage, DecodedImage]] = []
        num_bytes = 0
        for image in images:
            try:
                decoded = decode(
                    image.content(), image.source, image.checks_extension, self._max_pixels, self._seen_as
                )
            except RejectedError as rejected:
                self._deepest = max(self._deepest, rejected.deepest)
                self._set_image_aside(image, rejected)
                continue
            self._deepest = max(self._deepest, decoded.deepest)
            group.append((image, decoded))
            num_bytes += decoded.pixels.nbytes + len(decoded.encoded)
            if len(group) == _GROUP_IMAGES or num_bytes >= _GROUP_BYTES:
                self._write_group(group, writer)
                group, num_bytes = [], 0
        self._write_group(group, writer)

    def _write_group(
        self, group: list[tuple[EncodedImage, DecodedImage]], writer: tf.io.TFRecordWriter
    ) -> None:
        if group:
            self._write(
                [decoded.pixels for _, decoded in group],
                [decoded.encoded for _, decoded in group],
                [(image.source, image.label, image.split) for image, _ in group],
                writer,
            )
            self._groups += [image.group for image, _ in group]

    def _write(
        self,
        pixels: npt.NDArray[Any] | list[npt.NDArray[Any]],
        encoded: list[bytes],
        places: list[_Place],
        writer: tf.io.TFRecordWriter,
    ) -> None:
        if isinstance(pixels, np.ndarray):
            ids = features.image_ids(pixels)
            laid: npt.NDArray[Any] | list[npt.NDArray[Any]] = model_input.on_ground(pixels, self._seen_as)
        else:
            ids = np.concatenate([features.image_ids(image[np.newaxis]) for image in pixels])
            laid = [model_input.on_ground(image, self._seen_as) for image in pixels]
        sources = [source for source, _, _ in places]
        for example in features.encode_examples(pixels, laid, encoded, ids, sources):
            writer.write(example)
        self._ids.append(ids)
        self._thumbnails.append(near_copies.thumbnails(laid))
        self._places += places

    def _set_image_aside(self, image: EncodedImage, rejected: RejectedError) -> None:
        sample = ""
        if 0 < len(image.data) <= _SAMPLE_BYTES and self._num_samples < _SAMPLES_PER_CHUNK:
            sample = f"{self._path}-sample-{self._num_samples:02d}"
            self._num_samples += 1
            files.write_bytes(sample, image.data)
        digest = hashlib.sha256(image.data).hexdigest() if image.data else ""
        self._set_aside.append(
            SetAside(image.source, rejected.reason, rejected.detail, digest, sample, image.label, image.split)
        )


@dataclasses.dataclass(frozen=True)
class Assignment:
    """The destination of the images of one staged chunk.

    Attributes:
        path: The staging file.
        outputs: Index of the split in `SPLITS` -> final file; only splits that get an image.
        splits: int8 [N], index in `SPLITS`; negative: left out.
        labels: int32 [N], index in `class_names`; negative: unlabeled.
        copied: bool [N], whether an image of `eval` or `test` has a near copy in `train`.
        class_names: The classes.
    """

    path: str
    outputs: dict[int, str]
    splits: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    copied: npt.NDArray[Any]
    class_names: tuple[str, ...]


def plan(
    chunks: list[StagedChunk], ingest_json: str, examples_uri: str, quarantine_uri: str
) -> Iterable[Assignment]:
    """Decide on all images, write the quarantine, and name the final files."""
    config = IngestConfig.model_validate_json(ingest_json)
    chunks = sorted(chunks, key=lambda chunk: chunk.index)
    try:
        quarantine.check_bad_fraction(chunks, config)
        decided = plan_splits(chunks, config, labels_file.given_labels(config.labels_files, chunks))
    except DataError as error:
        lost = quarantine.lost_classes(chunks)
        told = f"{error} {quarantine.lost_text(lost)}" if lost else str(error)
        quarantine.write(quarantine_uri, chunks, quarantine.summarize(chunks, None, told))
        return []
    near = near_copies.between_splits(chunks, decided.splits)
    summary = quarantine.summarize(chunks, decided) | {"near_copies": near.values()}
    quarantine.write(quarantine_uri, chunks, summary)
    return assign(chunks, decided, near.in_train, examples_uri)


def assign(
    chunks: list[StagedChunk], decided: SplitPlan, copied: npt.NDArray[Any], examples_uri: str
) -> list[Assignment]:
    """Name the final files, numbered per split in the order of the source."""
    ends = np.cumsum([len(chunk.sources) for chunk in chunks])
    splits_of = np.split(decided.splits, ends[:-1])
    labels_of = np.split(decided.labels, ends[:-1])
    copied_of = np.split(copied, ends[:-1])
    present = [sorted(set(splits[splits >= 0].tolist())) for splits in splits_of]
    totals = {code: sum(code in codes for codes in present) for code in range(len(SPLITS))}
    positions = dict.fromkeys(totals, 0)
    assignments = []
    for chunk, splits, labels, near, codes in zip(
        chunks, splits_of, labels_of, copied_of, present, strict=True
    ):
        outputs = {}
        for code in codes:
            name = f"data_tfrecord-{positions[code]:05d}-of-{totals[code]:05d}"
            outputs[code] = os.path.join(examples_uri, f"Split-{SPLITS[code]}", name)
            positions[code] += 1
        if outputs:
            assignments.append(Assignment(chunk.path, outputs, splits, labels, near, decided.class_names))
    return assignments


def write_splits(assignment: Assignment) -> int:
    """Write the final files of one staged chunk; return the number of examples."""
    suffixes = [features.label_suffix(name) for name in assignment.class_names]
    suffixes.append(b"")  # at UNLABELED, which is -1
    columns = (assignment.splits.tolist(), assignment.labels.tolist(), assignment.copied.tolist())
    records = tfrecords.read_unchecked(assignment.path)
    with contextlib.ExitStack() as stack:
        writers = {}
        for code, path in assignment.outputs.items():
            files.make_directory(os.path.dirname(path))
            writers[code] = stack.enter_context(tf.io.TFRecordWriter(path))
        for record, split, label, copied in zip(records, *columns, strict=True):
            if split in writers:
                writers[split].write(record + suffixes[label] + features.near_copy_suffix(copied))
    return int((assignment.splits >= 0).sum())

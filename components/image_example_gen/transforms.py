"""The Beam transform of ImageExampleGen: from a source to examples, by way of staging files.

No image is shuffled: one worker reads and checks a chunk of images and writes it to a staging file. Only
metadata (about 150 bytes per image) travel to the one step that sees everything.
"""

import contextlib
import dataclasses
import logging
import os
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_contrastive.components.examples import tfrecords
from tfx_contrastive.components.image_example_gen import labels_file, near_copies, quarantine, staging
from tfx_contrastive.components.image_example_gen.adapters import Adapter, adapter_for
from tfx_contrastive.components.image_example_gen.config import IngestConfig
from tfx_contrastive.components.image_example_gen.splits import SplitPlan, plan_splits
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.contract.examples import SPLITS

from .records import StagedChunk

_logger = logging.getLogger(__name__)


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


def build_adapter(config: IngestConfig) -> Adapter:
    """Return the adapter of a configuration."""
    return adapter_for(config.source, config.max_file_bytes)


def divide(ingest_json: str, staging_dir: str) -> Iterator[tuple[int, Any]]:
    """List the source and number its chunks."""
    config = IngestConfig.model_validate_json(ingest_json)
    return iter(enumerate(build_adapter(config).chunks(staging_dir, config.chunk_images)))


class StageChunk(beam.DoFn):
    """Writes the images of (index, chunk) to a staging file; yields a StagedChunk."""

    def __init__(self, ingest_json: str, staging_dir: str):
        self._ingest_json = ingest_json
        self._staging_dir = staging_dir

    def setup(self) -> None:
        """Build the adapter once per worker."""
        self._config = IngestConfig.model_validate_json(self._ingest_json)
        self._adapter = build_adapter(self._config)

    def process(self, numbered: tuple[int, Any]) -> Iterator[StagedChunk]:
        """Stage one chunk."""
        index, chunk = numbered
        stager = staging.ChunkStager(index, self._staging_dir, self._config.max_pixels, self._config.seen_as)
        yield stager.stage(self._adapter.read(chunk))


def plan(
    chunks: list[StagedChunk], ingest_json: str, examples_uri: str, quarantine_uri: str
) -> Iterable[Assignment]:
    """Decide on all images, write the quarantine, and name the final files."""
    config = IngestConfig.model_validate_json(ingest_json)
    chunks = sorted(chunks, key=lambda chunk: chunk.index)
    try:
        quarantine.check_bad_fraction(chunks, config)
        decided = plan_splits(chunks, config, given_labels(chunks, config))
    except DataError as error:
        lost = quarantine.lost_classes(chunks)
        told = f"{error} {quarantine.lost_text(lost)}" if lost else str(error)
        quarantine.write(quarantine_uri, chunks, quarantine.summarise(chunks, None, told))
        return []
    near = near_copies.between_splits(chunks, decided.splits)
    summary = quarantine.summarise(chunks, decided) | {"near_copies": near.values()}
    quarantine.write(quarantine_uri, chunks, summary)
    return assign(chunks, decided, near.in_train, examples_uri)


def given_labels(chunks: list[StagedChunk], config: IngestConfig) -> dict[bytes, str]:
    """Return image id -> class name from the labels files; of two files the later one counts.

    Raises:
        DataError: If a file doesn't fit the images.
    """
    found: dict[bytes, str] = {}
    for path in config.labels_files:
        file = labels_file.read(path)
        own = {label for chunk in chunks for label in chunk.labels if label is not None}
        labels_file.check_classes(file, sorted(own))
        found |= labels_file.by_image_id(file, chunks)
    return found


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
    suffixes = [staging.label_suffix(name) for name in assignment.class_names]
    suffixes.append(b"")  # at UNLABELLED, which is -1
    columns = (assignment.splits.tolist(), assignment.labels.tolist(), assignment.copied.tolist())
    records = tfrecords.read_unchecked(assignment.path)
    with contextlib.ExitStack() as stack:
        writers = {}
        for code, path in assignment.outputs.items():
            files.make_directory(os.path.dirname(path))
            writers[code] = stack.enter_context(tf.io.TFRecordWriter(path))
        for record, split, label, copied in zip(records, *columns, strict=True):
            if split in writers:
                writers[split].write(record + suffixes[label] + staging.near_copy_suffix(copied))
    return int((assignment.splits >= 0).sum())

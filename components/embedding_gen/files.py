"""Embed one file of examples into one shard of embeddings, batch by batch."""

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tfx_contrastive.components.embeddings import store
from tfx_contrastive.components.embeddings.former import FormerVectors
from tfx_contrastive.components.examples import tfrecords
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.contract.errors import InputError, UnreadableImagesError
from tfx_contrastive.contract.examples import IMAGE, IMAGE_ID, LABEL, SOURCE

_READ_AHEAD = 2
_NAMED_IN_ERRORS = 20


@dataclasses.dataclass(frozen=True)
class EmbedTask:
    """A file of examples and the shard that is written from it.

    Attributes:
        path: Path of the TFRecord file.
        relative: The same path relative to the URI of the Examples artifact.
        split: Split that the file belongs to.
        shard: Path of the shard to write.
    """

    path: str
    relative: str
    split: str
    shard: str


@dataclasses.dataclass(frozen=True)
class Counts:
    """Counts of one file. The model computed `num_embedded` vectors; those of the other images were known."""

    split: str
    num_images: int
    num_labeled: int
    num_embedded: int
    dim: int


@dataclasses.dataclass(frozen=True)
class _Batch:
    """Rows of a file without the images; `known` holds the vectors of rows that need not be computed."""

    ids: Sequence[str]
    sources: Sequence[str]
    labels: Sequence[str | None]
    known: dict[int, NDArray[Any]]

    def merged(self, new: NDArray[Any]) -> NDArray[Any]:
        """Return the vectors of all rows, float32 [B, D], given those of the new rows in order."""
        vectors = np.empty((len(self.ids), new.shape[1]), np.float32)
        is_new = np.ones(len(self.ids), bool)
        for row, vector in self.known.items():
            vectors[row] = vector
            is_new[row] = False
        vectors[is_new] = new
        return vectors


def embed_file(task: EmbedTask, model: ServedModel, former: FormerVectors, batch_size: int) -> Counts:
    """Embed one file of examples, with a few batches of images in memory.

    Args:
        task: The file to read and the shard to write.
        model: Model that embeds the new images.
        former: Known vectors.
        batch_size: Number of examples to read at a time.

    Returns:
        The counts of the file.

    Raises:
        ValueError: If the model can't read an image or returns a vector that is not finite; the text names
            the images. ImageExampleGen sets unreadable images aside, so both are defects and stop the run.
    """
    pending: collections.deque[_Batch] = collections.deque()
    new_ids: list[str] = []

    def new_images() -> Iterator[list[bytes]]:
        for batch, images in _read(task.path, batch_size, former):
            pending.append(batch)
            is_new = [row for row in range(len(images)) if row not in batch.known]
            new_ids.extend(batch.ids[row] for row in is_new)
            yield [images[row] for row in is_new]

    tables: list[pa.Table] = []
    num_rows = 0
    try:
        for embedded in model.embed_batches(new_images()):
            tables.append(_table(task, pending.popleft(), embedded, num_rows))
            num_rows += tables[-1].num_rows
    except UnreadableImagesError as error:
        named = ", ".join(new_ids[position] for position in error.positions[:_NAMED_IN_ERRORS])
        raise InputError(f"{task.path}: the model can't read these image_ids: {named} ({error})") from error
    if not tables:
        return Counts(task.split, 0, 0, 0, 0)
    store.write_shard(tables, task.shard)
    num_labeled = num_rows - sum(table[LABEL].null_count for table in tables)
    return Counts(
        task.split, num_rows, num_labeled, len(new_ids), tables[0].schema.field("vector").type.list_size
    )


def _table(task: EmbedTask, batch: _Batch, embedded: NDArray[Any], first_record: int) -> pa.Table:
    vectors = batch.merged(embedded)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        named = ", ".join(batch.ids[row] for row in np.flatnonzero(~finite)[:_NAMED_IN_ERRORS])
        raise InputError(
            f"{task.path}: the model's embeddings of these image_ids are not finite: {named}. "
            "A similarity to them can't be computed; look at the training run and train again."
        )
    num_rows, dim = vectors.shape
    columns = [
        pa.array(batch.ids, pa.string()),
        pa.array(batch.sources, pa.string()),
        pa.array([task.split] * num_rows, pa.string()),
        pa.array(batch.labels, pa.string()),
        pa.array([task.relative] * num_rows, pa.string()),
        pa.array(np.arange(first_record, first_record + num_rows)),
        store.vector_column(vectors),
    ]
    return pa.Table.from_arrays(columns, schema=store.schema(dim))


def _read(path: str, batch_size: int, former: FormerVectors) -> Iterator[tuple[_Batch, NDArray[Any]]]:
    """Yield the batches of a file, each with its encoded images, object [B] of bytes."""
    parse = _parser()
    records = tfrecords.as_dataset(path)
    for serialized in records.batch(batch_size).prefetch(_READ_AHEAD):
        features = parse(serialized)
        ids = [image_id.decode() for image_id in features[IMAGE_ID].numpy()]
        labels: list[str | None] = [None] * len(ids)
        for row, label in zip(
            features[LABEL].indices.numpy()[:, 0], features[LABEL].values.numpy(), strict=True
        ):
            labels[row] = label.decode()
        sources = [source.decode() for source in features[SOURCE].numpy()]
        yield _Batch(ids, sources, labels, former.look_up(ids)), features[IMAGE].numpy()


@functools.cache
def _parser() -> Callable[[Any], dict[str, Any]]:
    """Return the parser of serialized examples, string [B]; it is traced once per process."""
    import tensorflow as tf

    spec = {
        IMAGE: tf.io.FixedLenFeature([], tf.string),
        IMAGE_ID: tf.io.FixedLenFeature([], tf.string),
        SOURCE: tf.io.FixedLenFeature([], tf.string, default_value=""),
        LABEL: tf.io.VarLenFeature(tf.string),
    }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def parse(serialized: Any) -> dict[str, Any]:
        return dict(tf.io.parse_example(serialized, spec))

    traced: Callable[[Any], dict[str, Any]] = parse
    return traced

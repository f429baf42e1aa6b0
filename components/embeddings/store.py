"""The Embeddings artifact on disk: `shards/*.parquet`, `meta.json` and optionally `whitening.npz`.

A shard has one row per record of a file of examples, in the same order. The columns `examples_file` and
`record` name the place of the image itself, so that a few images can be read without all others.
"""

import dataclasses
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tfx_contrastive.components.examples import tfrecords
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.contract.examples import IMAGE

from . import whitening

FORMAT_VERSION = 2
META_FILE = "meta.json"
SHARDS_DIR = "shards"
VECTOR = "vector"
ROW_COLUMNS = ("image_id", "source", "split", "label", "examples_file", "record")


@dataclasses.dataclass(frozen=True)
class Space:
    """The space in which vectors are compared.

    Attributes:
        whitening_fingerprint: Fingerprint of the whitening that is applied before the cosine similarity;
            empty if vectors are not whitened.
        reason: Reason for that, one sentence.
        whiten: `auto`, `always` or `never`, as configured.
        ridge: Shrinkage of the whitening.
        figures: Numbers behind the decision, by name; empty if there are none.
    """

    whitening_fingerprint: str = ""
    reason: str = "written before embeddings could be whitened"
    whiten: str = "never"
    ridge: float = 0.0
    figures: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def is_whitened(self) -> bool:
        """True if vectors are whitened before they are compared."""
        return bool(self.whitening_fingerprint)


@dataclasses.dataclass(frozen=True)
class Meta:
    """Description of an Embeddings artifact.

    Attributes:
        encoder_fingerprint: Fingerprint of the encoder (`components.model.fingerprint`).
        dim: Number of values per vector.
        num_images: Number of rows, by split.
        num_labeled: Number of rows with a label, by split.
        num_embedded: Number of vectors that the model computed in this run.
        num_reused: Number of vectors taken over from former embeddings of the same encoder.
        examples_uri: URI of the Examples artifact, to which `examples_file` of a row is relative.
        model_dir: Directory of the model.
        space: Space in which vectors are compared. The shards hold them as the model returned them.
    """

    encoder_fingerprint: str
    dim: int
    num_images: Mapping[str, int]
    num_labeled: Mapping[str, int]
    num_embedded: int
    num_reused: int
    examples_uri: str
    model_dir: str
    space: Space = Space()
    format_version: int = FORMAT_VERSION

    @property
    def total(self) -> int:
        """Number of rows in all splits."""
        return sum(self.num_images.values())


def schema(dim: int) -> pa.Schema:
    """Return the columns of a shard; only `label` may be null."""
    return pa.schema(
        [
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("split", pa.string(), nullable=False),
            pa.field("label", pa.string()),
            pa.field("examples_file", pa.string(), nullable=False),
            pa.field("record", pa.int64(), nullable=False),
            pa.field(VECTOR, pa.list_(pa.float32(), dim), nullable=False),
        ]
    )


def write_meta(meta: Meta, uri: str) -> None:
    """Write `meta.json`. Call it last: its presence means that the shards are complete."""
    files.write_text(files.join(uri, META_FILE), json.dumps(dataclasses.asdict(meta), indent=2))


def read_meta(uri: str) -> Meta:
    """Read `meta.json`.

    Raises:
        ValueError: If there is none, or another version of this project has written it.
    """
    path = files.join(uri, META_FILE)
    if not files.is_file(path):
        raise InputError(f"Received {uri!r}, which holds no {META_FILE}; expected an Embeddings artifact.")
    values: dict[str, Any] = json.loads(files.read_text(path))
    if values.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path} has the format version {values.get('format_version')}; expected {FORMAT_VERSION}. "
            "Run the pipeline again to embed with this version."
        )
    return Meta(**values | {"space": Space(**values.get("space", {}))})


def read_whitening(uri: str) -> whitening.Whitening | None:
    """Read the whitening by which vectors are compared; None if they are compared as they are.

    Raises:
        ValueError: If the artifact is not complete.
    """
    fingerprint = read_meta(uri).space.whitening_fingerprint
    return whitening.load(uri, fingerprint) if fingerprint else None


def write_shard(rows: Sequence[pa.Table], path: str) -> None:
    """Write a shard with one row group per table."""
    buffer = io.BytesIO()
    writer = pq.ParquetWriter(
        buffer,
        rows[0].schema,
        compression="snappy",
        use_dictionary=["source", "split", "label", "examples_file"],
        write_statistics=["image_id", "split", "label"],
    )
    with writer:
        for table in rows:
            writer.write_table(table)
    files.write_bytes(path, buffer.getvalue())


def shard_paths(uri: str) -> list[str]:
    """Return the sorted paths of the shards."""
    return files.glob(files.join(uri, f"{SHARDS_DIR}/*.parquet"))


def read_shard(path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read all or some columns of a shard."""
    return pq.read_table(io.BytesIO(files.read_bytes(path)), columns=list(columns) if columns else None)


def read_shards(
    uri: str, columns: Sequence[str] | None = None, splits: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Read the shards one by one.

    Args:
        uri: URI of the artifact.
        columns: Columns to read; None for all.
        splits: Splits to keep; None for all.

    Yields:
        The rows of each shard; a shard without rows is left out.
    """
    wanted = list(columns) if columns else None
    for path in shard_paths(uri):
        read = wanted if wanted is None or splits is None else sorted({*wanted, "split"})
        table = read_shard(path, read)
        if splits is not None:
            table = table.filter(pa.array(np.isin(table["split"].to_numpy(), list(splits))))
        if table.num_rows:
            yield table if wanted is None else table.select(wanted)


def vectors_of(table: pa.Table) -> NDArray[Any]:
    """Return the vectors of a table, float32 [N, D]."""
    column = table[VECTOR].combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # newer versions of pyarrow return this for a table without rows
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    flat: NDArray[Any] = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), column.type.list_size)


def vector_column(vectors: NDArray[Any]) -> pa.Array:
    """Return the column that holds vectors, float32 [N, D]."""
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])


def read_all(uri: str, splits: Sequence[str] | None = None) -> tuple[pa.Table, NDArray[Any]]:
    """Read all rows and vectors.

    Returns:
        The rows without their vectors (N), and the vectors, float32 [N, D].

    Raises:
        ValueError: If no row is left.
    """
    meta = read_meta(uri)
    total = sum(count for split, count in meta.num_images.items() if splits is None or split in splits)
    if not total:
        found = ", ".join(meta.num_images) or "none"
        raise InputError(f"Received the splits {list(splits or [])}; {uri!r} has rows of these: {found}.")
    vectors = np.empty((total, meta.dim), np.float32)
    rows, start = [], 0
    for table in read_shards(uri, splits=splits):
        vectors[start : start + table.num_rows] = vectors_of(table)
        start += table.num_rows
        rows.append(table.select(list(ROW_COLUMNS)))
    if start != total:
        raise InputError(f"{uri!r} holds {start} rows, its {META_FILE} says {total}: shards are missing.")
    return pa.concat_tables(rows), vectors


def read_compared(uri: str, splits: Sequence[str] | None = None) -> tuple[pa.Table, NDArray[Any]]:
    """Read all rows and vectors as `read_all` does, and whiten the vectors if the artifact is whitened."""
    rows, vectors = read_all(uri, splits)
    found = read_whitening(uri)
    return rows, vectors if found is None else found.apply(vectors)


def read_images(examples_uri: str, places: Iterable[tuple[str, str, int]]) -> dict[str, bytes]:
    """Read images; only the files that contain them are opened.

    Args:
        examples_uri: URI of the Examples artifact.
        places: `image_id`, `examples_file` and `record` of each image.

    Returns:
        Encoded images by `image_id`.

    Raises:
        ValueError: If the examples are not there any more.
    """
    wanted: dict[str, dict[int, str]] = {}
    for image_id, name, record in places:
        wanted.setdefault(name, {})[record] = image_id
    found: dict[str, bytes] = {}
    for name, records in sorted(wanted.items()):
        found.update(_read_records(files.join(examples_uri, name), records))
    return found


def _read_records(path: str, records: dict[int, str]) -> dict[str, bytes]:
    import tensorflow as tf

    if not files.is_file(path):
        raise InputError(f"{path} is not there any more: the images can't be read. Run the pipeline again.")
    found = {}
    dataset = tfrecords.as_dataset(path)
    first, last = min(records), max(records)
    for number, record in enumerate(dataset.skip(first).take(last - first + 1).as_numpy_iterator(), first):
        if number in records:
            features = tf.train.Example.FromString(record).features.feature
            found[records[number]] = features[IMAGE].bytes_list.value[0]
    return found

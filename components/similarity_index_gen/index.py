"""A similarity index of embeddings: how it is built, saved, loaded and searched."""

import dataclasses
import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tfx_contrastive.components.embeddings import store, whitening
from tfx_contrastive.components.similarity_index_gen.config import IndexConfig
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import InputError

from .faiss_indexes import Trial, build_approximate, build_exact

FORMAT_VERSION = 2
_READABLE_VERSIONS = (1, 2)  # 1: before an index could be whitened
INDEX_FILE, ROWS_FILE, DESCRIPTION_FILE = "index.faiss", "rows.parquet", "index.json"


@dataclasses.dataclass(frozen=True)
class Description:
    """Description of an index.

    Attributes:
        kind: `exact`, `ivf` or `hnsw`.
        encoder_fingerprint: Fingerprint of the encoder that computes the indexed vectors and the queries.
        dim: Number of values per vector.
        num_images: Number of indexed vectors.
        num_bytes: Size of faiss's index in memory, in bytes; about the same on disk.
        recall: Recall@k against exact search; 1.0 for an exact index.
        trials: The approximate indexes that were tried, with their measurements.
        examples_uri: URI of the Examples artifact that holds the images.
        model_dir: Directory of the model whose `embed_bytes` computes queries.
        whitening_fingerprint: Fingerprint of the whitening of indexed vectors and queries; empty if they are
            not whitened.
    """

    kind: str
    encoder_fingerprint: str
    dim: int
    num_images: int
    num_bytes: int
    recall: float
    trials: Sequence[Mapping[str, Any]]
    examples_uri: str = ""
    model_dir: str = ""
    whitening_fingerprint: str = ""
    format_version: int = FORMAT_VERSION

    @property
    def is_whitened(self) -> bool:
        """True if similarities are those of whitened vectors."""
        return bool(self.whitening_fingerprint)


class SimilarityIndex:
    """An index that finds nearest neighbors by the cosine similarity of vectors, whitened or not."""

    def __init__(
        self,
        index: faiss.Index,
        rows: pa.Table,
        description: Description,
        whitened_by: whitening.Whitening | None = None,
    ):
        """Store the parts. Use `build` or `load` to create an index."""
        self._index = index
        self._whitening = whitened_by
        self._labels = np.array([label or "" for label in rows["label"].to_pylist()], object)
        self.rows = rows
        self.description = description

    @classmethod
    def build(
        cls,
        vectors: NDArray[Any],
        rows: pa.Table,
        encoder_fingerprint: str,
        config: IndexConfig,
        whitened_by: whitening.Whitening | None = None,
    ) -> "SimilarityIndex":
        """Build the configured index.

        Args:
            vectors: Embeddings of length 1, float32 [N, D].
            rows: The rows of these vectors in an Embeddings artifact, N.
            encoder_fingerprint: Fingerprint of the encoder that computed the vectors.
            config: Kinds of index, and the limits that an approximate one must meet.
            whitened_by: Whitening to apply to these vectors and to every query; None to compare vectors as
                they are.

        Returns:
            An exact index for up to `exact_up_to` vectors, or if no approximate one passes.

        Raises:
            ValueError: If the numbers of vectors and rows differ, or vectors don't have length 1.
        """
        vectors = np.ascontiguousarray(vectors, np.float32)
        if len(vectors) != rows.num_rows or not len(vectors):
            raise InputError(f"Received {len(vectors)} vectors for {rows.num_rows} rows; expected one each.")
        lengths = np.linalg.norm(vectors, axis=1)
        if np.abs(lengths - 1).max() > 1e-3:
            raise InputError(
                f"Received vectors of length {lengths.min():.4g} to {lengths.max():.4g}; expected "
                "length 1, as `embed_bytes` gives them."
            )
        if whitened_by is not None:
            vectors = whitened_by.apply(vectors)
        index: faiss.Index | None = None
        trials: list[Trial] = []
        if len(vectors) > config.exact_up_to:
            index, trials = build_approximate(vectors, config)
        kind, recall = (trials[-1].kind, trials[-1].recall) if index is not None else ("exact", 1.0)
        index = build_exact(vectors) if index is None else index
        description = Description(
            kind,
            encoder_fingerprint,
            vectors.shape[1],
            len(vectors),
            num_bytes(index),
            recall,
            [dataclasses.asdict(trial) for trial in trials],
            whitening_fingerprint="" if whitened_by is None else whitened_by.fingerprint,
        )
        return cls(index, rows, description, whitened_by)

    def save(self, uri: str) -> None:
        """Write the index to a directory, local or remote; the description is written last."""
        if self._whitening is not None:
            self._whitening.save(uri)
        with tempfile.TemporaryDirectory() as folder:
            # faiss writes local files only, and a copy in memory would double the memory of a large index.
            local = os.path.join(folder, INDEX_FILE)
            faiss.write_index(self._index, local)
            files.copy(local, files.join(uri, INDEX_FILE))
        rows = io.BytesIO()
        pq.write_table(self.rows, rows)
        files.write_bytes(files.join(uri, ROWS_FILE), rows.getvalue())
        description = json.dumps(dataclasses.asdict(self.description), indent=2)
        files.write_text(files.join(uri, DESCRIPTION_FILE), description)

    @classmethod
    def load(cls, uri: str) -> "SimilarityIndex":
        """Read an index from a directory, local or remote.

        Raises:
            ValueError: If there is none, or another version of this project has written it.
        """
        path = files.join(uri, DESCRIPTION_FILE)
        if not files.is_file(path):
            raise InputError(
                f"Received {uri!r}, which holds no {DESCRIPTION_FILE}; expected a SimilarityIndex."
            )
        values = json.loads(files.read_text(path))
        if values.get("format_version") not in _READABLE_VERSIONS:
            expected = " or ".join(map(str, _READABLE_VERSIONS))
            raise InputError(
                f"{uri} has the format version {values.get('format_version')}; expected {expected}. "
                "Run the pipeline again to build the index with this version."
            )
        description = Description(**values)
        found = whitening.load(uri, description.whitening_fingerprint) if description.is_whitened else None
        with tempfile.TemporaryDirectory() as folder:
            local = files.join(uri, INDEX_FILE)
            if files.scheme_of(uri):
                local = os.path.join(folder, INDEX_FILE)
                files.copy(files.join(uri, INDEX_FILE), local)
            index = faiss.read_index(local)
        rows = pq.read_table(io.BytesIO(files.read_bytes(files.join(uri, ROWS_FILE))))
        return cls(index, rows, description, found)

    @property
    def labels(self) -> tuple[str, ...]:
        """The sorted labels of the indexed images."""
        return tuple(sorted(set(self._labels) - {""}))

    def require_encoder(self, encoder_fingerprint: str) -> None:
        """Check that an encoder is the one that computed the indexed vectors.

        Raises:
            InputError: If it is another encoder.
        """
        known = self.description
        if encoder_fingerprint != known.encoder_fingerprint:
            raise InputError(
                f"The query's vectors are of the encoder {encoder_fingerprint[:12]}, the index holds those "
                f"of {known.encoder_fingerprint[:12]}: similarities between them mean nothing. Embed the "
                "query with the index's model, or build the index again with the query's."
            )

    def search(
        self, vectors: NDArray[Any], encoder_fingerprint: str, k: int = 10, label: str | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Find the most similar images.

        Args:
            vectors: Embeddings of the queries as `embed_bytes` returns them, float32 [Q, D]. If the index is
                whitened, this method whitens them.
            encoder_fingerprint: Fingerprint of the encoder that computed the vectors.
            k: Number of images per query.
            label: Label of the images to search among; None for all images. A search by label is always
                exact.

        Returns:
            Row numbers in `rows`, int64 [Q, K], and cosine similarities, float32 [Q, K], descending. K is k,
            or the number of images if that is smaller. If an approximate index finds fewer, the rest is -1
            and -inf.

        Raises:
            InputError: If another encoder computed the vectors.
            ValueError: If their shape, k or the label is wrong.
        """
        self.require_encoder(encoder_fingerprint)
        known = self.description
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != known.dim:
            raise InputError(f"Received vectors of shape {list(vectors.shape)}; expected [Q, {known.dim}].")
        if k < 1:
            raise InputError(f"Received k={k}; expected 1 or more.")
        if self._whitening is not None:
            vectors = np.ascontiguousarray(self._whitening.apply(vectors), np.float32)
        if label is not None:
            return self._search_label(vectors, k, label)
        similarities, rows = self._index.search(vectors, min(k, known.num_images))
        return rows, similarities

    def _search_label(self, vectors: NDArray[Any], k: int, label: str) -> tuple[NDArray[Any], NDArray[Any]]:
        selected = np.flatnonzero(self._labels == label)
        if not label or not len(selected):
            found = ", ".join(map(repr, self.labels)) or "none"
            raise InputError(f"Received the label {label!r}; no indexed image has it. Labels here: {found}.")
        selector = faiss.IDSelectorBatch(selected)
        index = self._index
        if isinstance(index, faiss.IndexIVF):
            parameters = faiss.SearchParametersIVF(sel=selector, nprobe=index.nlist)
        else:
            if isinstance(index, faiss.IndexHNSW):
                # A walk through the graph that may visit few nodes finds little: compare all vectors instead.
                index = faiss.downcast_index(index.storage)
            parameters = faiss.SearchParameters(sel=selector)
        similarities, rows = index.search(vectors, min(k, len(selected)), params=parameters)
        return rows, similarities


def build_from_embeddings(uri: str, config: IndexConfig) -> SimilarityIndex:
    """Build the index of an Embeddings artifact.

    Args:
        uri: URI of the artifact.
        config: Splits to index, and kinds of index.

    Raises:
        ValueError: If the artifact is incomplete, or has no image in these splits.
    """
    meta = store.read_meta(uri)
    rows, vectors = store.read_all(uri, config.splits)
    whitened_by = store.read_whitening(uri)
    built = SimilarityIndex.build(vectors, rows, meta.encoder_fingerprint, config, whitened_by)
    built.description = dataclasses.replace(
        built.description, examples_uri=meta.examples_uri, model_dir=meta.model_dir
    )
    return built


def num_bytes(index: faiss.Index) -> int:
    """Return the memory that an index takes, in bytes."""
    if isinstance(index, faiss.IndexIVF):
        return int(index.ntotal * (index.code_size + 8) + index.nlist * index.d * 4)
    if isinstance(index, faiss.IndexHNSW):
        links = index.hnsw.neighbors.size() * 4 + index.hnsw.offsets.size() * 8
        return int(links) + num_bytes(faiss.downcast_index(index.storage))
    return int(index.ntotal * index.d * 4)

"""The Beam transform of EmbeddingGen: it embeds each file of examples into a shard.

Beam distributes and retries whole files. Nothing is shuffled and no image passes through Beam: a worker reads
a file in batches, embeds the new images, and writes the shard.
"""

import collections
import logging
import posixpath
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils import shared
from apache_beam.utils.windowed_value import WindowedValue
from numpy.typing import NDArray

from tfx_contrastive.components.embedding_gen.config import EmbeddingConfig
from tfx_contrastive.components.embedding_gen.files import Counts, EmbedTask, embed_file
from tfx_contrastive.components.embeddings import store, whitening
from tfx_contrastive.components.embeddings.former import FormerVectors
from tfx_contrastive.components.examples import tfrecords
from tfx_contrastive.components.model.fingerprint import encoder_fingerprint
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.contract import files
from tfx_contrastive.contract.errors import InputError
from tfx_contrastive.contract.examples import TRAIN

_progress = logging.getLogger("tfx_contrastive.progress")

_FILES_UNDER_WAY = 2  # per thread that runs the transform
_MIN_VECTORS_PER_DIMENSION = 10


class EmbedExamples(beam.PTransform):
    """Embed files of examples into shards and write `meta.json`. Apply it to the pipeline itself."""

    def __init__(
        self,
        tasks: Sequence[EmbedTask],
        model_dir: str,
        examples_uri: str,
        uri: str,
        former_uri: str,
        config: str,
    ):
        """Store the parameters as text, because they are sent to workers.

        Args:
            tasks: The files to embed.
            model_dir: Directory of the SavedModel.
            examples_uri: URI of the Examples artifact.
            uri: URI of the Embeddings artifact to write.
            former_uri: URI of former embeddings by the same encoder; empty if there are none.
            config: `EmbeddingConfig` as JSON.
        """
        super().__init__()
        self._tasks = tasks
        self._model_dir = model_dir
        self._examples_uri = examples_uri
        self._uri = uri
        self._former_uri = former_uri
        self._config = config

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Return a PCollection with one element, the `Meta` that was written."""
        return (
            pipeline
            | "List" >> beam.Create(self._tasks)
            | "Spread" >> beam.Reshuffle()
            | "Embed" >> beam.ParDo(_EmbedFile(self._model_dir, self._former_uri, self._config))
            | "Gather" >> beam.combiners.ToList()
            | "WriteMeta"
            >> beam.Map(
                finish, self._model_dir, self._examples_uri, self._uri, self._former_uri, self._config
            )
        )


def tasks_for(examples_uri: str, split_dirs: Mapping[str, Sequence[str]], uri: str) -> list[EmbedTask]:
    """Return one task per file of examples.

    Args:
        examples_uri: URI of the Examples artifact.
        split_dirs: Directories of each split.
        uri: URI of the Embeddings artifact to write.

    Raises:
        ValueError: If there is no file.
    """
    tasks = []
    for split, folders in split_dirs.items():
        paths = tfrecords.paths_in(folders)
        for number, path in enumerate(paths):
            shard = files.join(uri, f"{store.SHARDS_DIR}/{split}-{number:05d}-of-{len(paths):05d}.parquet")
            relative = posixpath.relpath(path, examples_uri)
            tasks.append(EmbedTask(path, relative, split, shard))
    if not tasks:
        raise InputError(f"The examples {examples_uri!r} hold no file in the splits {sorted(split_dirs)}.")
    return tasks


class _Loaded:
    """Model and known vectors that the threads of a worker process share."""

    def __init__(self, model_dir: str, former_uri: str, batch_size: int):
        self.model = ServedModel(model_dir, batch_size)
        self.former = FormerVectors(former_uri)


class _EmbedFile(beam.DoFn):
    """Write the shard of an EmbedTask and yield its Counts.

    The next file starts before the last batches of a file are computed and its shard is written.
    """

    def __init__(self, model_dir: str, former_uri: str, config: str):
        self._model_dir = model_dir
        self._former_uri = former_uri
        self._batch_size = EmbeddingConfig.model_validate_json(config).batch_size
        self._shared = shared.Shared()

    def setup(self) -> None:
        """Load the model once per process."""
        self._loaded = self._shared.acquire(
            lambda: _Loaded(self._model_dir, self._former_uri, self._batch_size),
            tag=f"{self._model_dir} {self._former_uri}",
        )
        self._pool = futures.ThreadPoolExecutor(_FILES_UNDER_WAY)
        self._under_way: collections.deque[tuple[EmbedTask, futures.Future[Counts]]] = collections.deque()

    def start_bundle(self) -> None:
        """Wait for files that a failed bundle left unfinished, because they may be retried."""
        futures.wait([future for _, future in self._under_way])
        self._under_way.clear()
        self._started, self._num_images = time.monotonic(), 0

    def process(self, task: EmbedTask) -> Iterator[Counts]:
        """Start one file and yield the counts of a finished one."""
        future = self._pool.submit(
            embed_file, task, self._loaded.model, self._loaded.former, self._batch_size
        )
        self._under_way.append((task, future))
        if len(self._under_way) == _FILES_UNDER_WAY:
            yield self._first_done()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Yield the counts of the last files."""
        while self._under_way:
            yield WindowedValue(self._first_done(), GlobalWindow().max_timestamp(), (GlobalWindow(),))

    def teardown(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _first_done(self) -> Counts:
        """Wait for the oldest file, and log the rate of the bundle so far."""
        task, future = self._under_way.popleft()
        counts = future.result()
        self._num_images += counts.num_images
        rate = self._num_images / max(time.monotonic() - self._started, 1e-9)
        _progress.info(
            "embedded %s",
            task.relative,
            extra={"progress": {"stage": "embed", "file": task.relative, "images_per_second": rate}},
        )
        return counts


def finish(
    counts: Sequence[Counts],
    model_dir: str,
    examples_uri: str,
    uri: str,
    former_uri: str = "",
    config: str = "{}",
) -> store.Meta:
    """Decide whether vectors are whitened for comparison, sum up the counts and write `meta.json`.

    Raises:
        ValueError: If there was no image.
    """
    by_split: collections.Counter[str] = collections.Counter()
    labeled: collections.Counter[str] = collections.Counter()
    for each in counts:
        by_split[each.split] += each.num_images
        labeled[each.split] += each.num_labeled
    total, num_embedded = sum(by_split.values()), sum(each.num_embedded for each in counts)
    if not total:
        raise InputError(f"The examples {examples_uri!r} hold no image, so there is nothing to embed.")
    meta = store.Meta(
        encoder_fingerprint=encoder_fingerprint(model_dir),
        dim=max(each.dim for each in counts),
        num_images=dict(sorted(by_split.items())),
        num_labeled=dict(sorted(labeled.items())),
        num_embedded=num_embedded,
        num_reused=total - num_embedded,
        examples_uri=examples_uri,
        model_dir=model_dir,
        space=settle_space(uri, former_uri, EmbeddingConfig.model_validate_json(config)),
    )
    store.write_meta(meta, uri)
    return meta


def settle_space(uri: str, former_uri: str, config: EmbeddingConfig) -> store.Space:
    """Decide whether vectors are whitened for comparison, and write `whitening.npz` if they are.

    The embeddings of one encoder keep their whitening as long as the settings stay the same, so that vectors
    which a user has whitened and stored can be compared with those of later runs.

    Args:
        uri: URI of the Embeddings artifact, whose shards are complete.
        former_uri: URI of former embeddings by the same encoder; empty if there are none.
        config: The settings of the whitening.
    """
    if config.whiten == "never":
        return store.Space("", "embedding.whiten is never", config.whiten, config.whitening_ridge)
    if former_uri and (kept := _kept(former_uri, uri, config)):
        return kept
    fitted = whitening.fit(_train_vectors(uri), config.whitening_ridge)
    if fitted is None:
        reason = "the embeddings of train do not vary, so there is nothing to whiten"
        return store.Space("", reason, config.whiten, config.whitening_ridge)
    figures = {"num_train": fitted.num_vectors, "dim": len(fitted.mean)}
    helps, reason = True, "embedding.whiten is always"
    if config.whiten == "auto":
        helps, reason = judge(fitted.num_vectors, len(fitted.mean))
    if helps:
        fitted.save(uri)
    _progress.info("Embeddings are compared %s: %s", "whitened" if helps else "as they are", reason)
    return store.Space(
        fitted.fingerprint if helps else "", reason, config.whiten, config.whitening_ridge, figures
    )


def judge(num_vectors: int, dim: int) -> tuple[bool, str]:
    """Return whether whitening is expected to help, and the reason. `whiten: auto` decides by this.

    Whitening divides by the standard deviation along every direction. Few vectors give wrong deviations, and
    dividing by them magnifies noise (docs/search.md has the measurements).

    Args:
        num_vectors: Number of embeddings of `train`.
        dim: Number of values per embedding.
    """
    share = num_vectors / dim
    if share < _MIN_VECTORS_PER_DIMENSION:
        return False, (
            f"{num_vectors:,} images of train are {share:.1f} per dimension of the embedding, fewer than the "
            f"{_MIN_VECTORS_PER_DIMENSION} that a whitening is fitted on"
        )
    return True, f"{num_vectors:,} images of train are enough to fit a whitening of {dim} dimensions"


def _kept(former_uri: str, uri: str, config: EmbeddingConfig) -> store.Space | None:
    """Copy the whitening of former embeddings and return their space; None if it can't be kept."""
    space = store.read_meta(former_uri).space
    if (space.whiten, space.ridge) != (config.whiten, config.whitening_ridge):
        return None
    if space.is_whitened:
        try:
            whitening.load(former_uri, space.whitening_fingerprint).save(uri)
        except ValueError as error:
            _progress.warning("The former whitening can't be kept, another is fitted: %s", error)
            return None
    return space


def _train_vectors(uri: str) -> Iterator[NDArray[Any]]:
    for table in store.read_shards(uri, [store.VECTOR], [TRAIN]):
        yield store.vectors_of(table)

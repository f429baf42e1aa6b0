"""EmbeddingGen against the encoder's bare forward pass, on Fashion-MNIST's 70,000 images.

Bare: the Keras encoder (c4n) in a graph, on decoded uint8 arrays in memory, the better of two batch sizes.
EmbeddingGen: its whole Beam pipeline, from TFRecord files of PNGs to Parquet shards, loading the model
included; then once more with one image in a hundred new.

    python -m benchmarks.embedding        # bar: at least 0.6x
"""

import pathlib
import tempfile
import time

import apache_beam as beam
import numpy as np
import tensorflow as tf

from components.embedding_gen import embeddings, former
from components.embedding_gen.config import EmbeddingConfig
from components.embedding_gen.transforms import EmbedExamples, tasks_for
from components.image_example_gen.config import FashionMnistSource, IngestConfig
from components.image_example_gen.transforms import WriteExamples
from trainer_module.config import EncoderConfig, ImageConfig, ServingConfig
from trainer_module.encoders import build_encoder

_SPLITS = ("train", "eval", "test")
_BATCH_SIZES = (256, 512)


def main() -> None:
    """Prints the rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write_examples(root)
        encoder = build_encoder(EncoderConfig(name="c4n"), (28, 28, 1), [0.286], [0.353])
        export(root, encoder)
        total, seconds = embed(root, "first", "")
        embed_rate = total / seconds
        bare_rate = max(bare_throughput(encoder, total, batch_size) for batch_size in _BATCH_SIZES)
        print(f"| bare forward, c4n, {total:,} images | {bare_rate:,.0f} images/s | 1.00x |")
        ratio = embed_rate / bare_rate
        print(f"| EmbeddingGen, TFRecord to Parquet | {embed_rate:,.0f} images/s | {ratio:.2f}x |")
        known = forget_some(root)
        _, again = embed(root, "second", known)
        print(f"| EmbeddingGen again, 1 % new images | {again:.1f} s | {seconds / again:.1f}x faster |")


def write_examples(root: pathlib.Path) -> None:
    """ImageExampleGen's files."""
    ingest = IngestConfig(source=FashionMnistSource(), labels_per_class=60).model_dump_json()
    (root / "staging").mkdir()
    with beam.Pipeline() as pipeline:
        pipeline | WriteExamples(
            ingest, str(root / "examples"), str(root / "set-aside"), str(root / "staging")
        )


def export(root: pathlib.Path, encoder: tf.keras.Model) -> None:
    """The Pretrainer's SavedModel."""
    from tests.trainer_module.digits_data import run_transform
    from trainer_module.serving import export_encoder

    first = sorted((root / "examples" / "Split-train").iterdir())[0]
    records = list(tf.data.TFRecordDataset(str(first)).take(200).as_numpy_iterator())
    transform = run_transform(root / "transform", records, ImageConfig())
    export_encoder(str(root / "model"), encoder, transform, ServingConfig().max_pixels)


def embed(root: pathlib.Path, name: str, former_uri: str) -> tuple[int, float]:
    """Runs EmbeddingGen's Beam pipeline; returns images and seconds."""
    examples, uri = str(root / "examples"), str(root / name)
    started = time.perf_counter()
    tasks = tasks_for(examples, {split: [f"{examples}/Split-{split}"] for split in _SPLITS}, uri)
    config = EmbeddingConfig().model_dump_json()
    with beam.Pipeline() as pipeline:
        pipeline | EmbedExamples(tasks, str(root / "model"), examples, uri, former_uri, config)
    return embeddings.read_meta(uri).total, time.perf_counter() - started


def bare_throughput(encoder: tf.keras.Model, num_images: int, batch_size: int) -> float:
    """Images a second of the encoder alone."""
    pixels = np.random.default_rng(0).integers(0, 256, (num_images, 28, 28, 1)).astype(np.uint8)
    forward = tf.function(lambda batch: encoder(batch, training=False), reduce_retracing=True)
    forward(tf.constant(pixels[:batch_size]))
    started = time.perf_counter()
    for start in range(0, num_images, batch_size):
        forward(tf.constant(pixels[start : start + batch_size])).numpy()
    return num_images / (time.perf_counter() - started)


def forget_some(root: pathlib.Path) -> str:
    """Makes a former artifact that lacks one image in a hundred; returns its URI."""
    meta = embeddings.read_meta(str(root / "first"))
    for path in embeddings.shard_paths(str(root / "first")):
        table = embeddings.read_shard(path)
        kept = table.filter(np.arange(table.num_rows) % 100 != 0)
        embeddings.write_shard([kept], path)
    former.remember(str(root / "cache"), meta.encoder_fingerprint, str(root / "first"))
    return former.find(str(root / "cache"), meta.encoder_fingerprint)


if __name__ == "__main__":
    main()

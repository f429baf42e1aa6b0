"""EmbeddingGen compared with the encoder's forward pass alone, on Fashion-MNIST's 70,000 images.

The forward pass runs the Keras encoder in a graph on decoded uint8 arrays in memory, with the better of two
batch sizes. EmbeddingGen runs its whole Beam pipeline, from TFRecord files of PNGs to Parquet shards, and
loads the model. The figures are medians of three alternating runs; a last run has one new image in a hundred.
Decoding, files and start-up cost the same for every encoder, so the ratio is better for a larger one.

    python -m benchmarks.embedding        # bar: at least 0.6x
"""

import pathlib
import shutil
import statistics
import tempfile
import time

import apache_beam as beam
import numpy as np
import tensorflow as tf

from benchmarks.prepared import transform_graph
from tfx_contrastive.components.embedding_gen.config import EmbeddingConfig
from tfx_contrastive.components.embedding_gen.transforms import EmbedExamples, tasks_for
from tfx_contrastive.components.embeddings import former, store
from tfx_contrastive.components.image_example_gen.config import FashionMnistSource, IngestConfig
from tfx_contrastive.components.image_example_gen.transforms import WriteExamples
from tfx_contrastive.trainer_module.config import EncoderConfig, ServingConfig
from tfx_contrastive.trainer_module.encoders.build import build_encoder

_SPLITS = ("train", "eval", "test")
_BATCH_SIZES = (256, 512)
_ENCODERS = ("c4n", "c4")
_REPETITIONS = 3


def main() -> None:
    """Print the rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write_examples(root)
        for name in _ENCODERS:
            encoder = build_encoder(EncoderConfig(name=name), (28, 28, 1), [0.286], [0.353])
            export(root, name, encoder)
            rates: dict[str, list[float]] = {"bare forward": [], "EmbeddingGen": []}
            for _ in range(_REPETITIONS):
                shutil.rmtree(root / name / "first", ignore_errors=True)
                total, seconds = embed(root, name, "first", "")
                rates["EmbeddingGen"].append(total / seconds)
                bare = max(bare_throughput(encoder, total, batch_size) for batch_size in _BATCH_SIZES)
                rates["bare forward"].append(bare)
            medians = {what: statistics.median(found) for what, found in rates.items()}
            for what, rate in medians.items():
                ratio = rate / medians["bare forward"]
                print(f"| {name}, {what}, {total:,} images | {rate:,.0f} images/s | {ratio:.2f}x |")
            known = forget_some(root, name)
            _, again = embed(root, name, "second", known)
            gain = total / medians["EmbeddingGen"] / again
            print(f"| {name}, again, 1 % new images | {again:.1f} s | {gain:.1f}x faster |")


def write_examples(root: pathlib.Path) -> None:
    """Write the files of ImageExampleGen."""
    ingest = IngestConfig(source=FashionMnistSource(), labels_per_class=60).model_dump_json()
    (root / "staging").mkdir()
    with beam.Pipeline() as pipeline:
        pipeline | WriteExamples(
            ingest, str(root / "examples"), str(root / "set-aside"), str(root / "staging")
        )


def export(root: pathlib.Path, name: str, encoder: tf.keras.Model) -> None:
    """Export the Pretrainer's SavedModel."""
    from tfx_contrastive.trainer_module.serving.saved_model import export_encoder

    first = sorted((root / "examples" / "Split-train").iterdir())[0]
    records = tf.data.TFRecordDataset(str(first)).take(200).as_numpy_iterator()
    images = [
        tf.train.Example.FromString(one).features.feature["image"].bytes_list.value[0] for one in records
    ]
    transform = transform_graph(root / name / "transform", images)
    export_encoder(str(root / name / "model"), encoder, transform, ServingConfig().max_pixels)


def embed(root: pathlib.Path, name: str, run: str, former_uri: str) -> tuple[int, float]:
    """Run EmbeddingGen's Beam pipeline; return the number of images and the seconds."""
    examples, uri = str(root / "examples"), str(root / name / run)
    started = time.perf_counter()
    tasks = tasks_for(examples, {split: [f"{examples}/Split-{split}"] for split in _SPLITS}, uri)
    config = EmbeddingConfig().model_dump_json()
    with beam.Pipeline() as pipeline:
        pipeline | EmbedExamples(tasks, str(root / name / "model"), examples, uri, former_uri, config)
    return store.read_meta(uri).total, time.perf_counter() - started


def bare_throughput(encoder: tf.keras.Model, num_images: int, batch_size: int) -> float:
    """Return the images per second of the encoder alone."""
    pixels = np.random.default_rng(0).integers(0, 256, (num_images, 28, 28, 1)).astype(np.uint8)
    forward = tf.function(lambda batch: encoder(batch, training=False), reduce_retracing=True)
    forward(tf.constant(pixels[:batch_size]))
    started = time.perf_counter()
    for start in range(0, num_images, batch_size):
        forward(tf.constant(pixels[start : start + batch_size])).numpy()
    return num_images / (time.perf_counter() - started)


def forget_some(root: pathlib.Path, name: str) -> str:
    """Make a former artifact that lacks one image in a hundred; return its URI."""
    first, cache = str(root / name / "first"), str(root / name / "cache")
    for path in store.shard_paths(first):
        table = store.read_shard(path)
        store.write_shard([table.filter(np.arange(table.num_rows) % 100 != 0)], path)
    fingerprint = store.read_meta(first).encoder_fingerprint
    former.remember(cache, fingerprint, first)
    return former.find(cache, fingerprint)


if __name__ == "__main__":
    main()

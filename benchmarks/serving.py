"""The served signature compared with the plain Keras model, on images of Fashion-MNIST.

The served side calls `classify_bytes` of the exported SavedModel with PNGs, from Python bytes to NumPy
probabilities. The plain side calls encoder and head as one Keras model in a graph, with decoded uint8 arrays.
The calls alternate, so that other load on the machine affects both sides.

    python -m benchmarks serving          # bar: at least 0.7x at batch 64
"""

import gzip
import os
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from benchmarks.prepared import transform_graph
from tfx_contrastive.components.image_example_gen.adapters import known_data_sets
from tfx_contrastive.components.image_example_gen.config import FashionMnistSource
from tfx_contrastive.trainer_module.config import EncoderConfig, ServingConfig
from tfx_contrastive.trainer_module.encoders.build import build_encoder

_ENCODERS = ("c4n", "c4")
_NUM_CLASSES = 10
_WARM_UP_CALLS = 20


def main() -> None:
    """Print the rows of the table."""
    pixels = test_images(1_024)
    images = [tf.io.encode_png(one).numpy() for one in pixels]
    for name in _ENCODERS:
        encoder = build_encoder(EncoderConfig(name=name), (28, 28, 1), [0.286], [0.353])
        head = keras.Sequential([keras.Input((encoder.output_shape[-1],)), keras.layers.Dense(_NUM_CLASSES)])
        plain_model = keras.Sequential([encoder, head, keras.layers.Softmax()])
        plain = tf.function(
            lambda batch, model=plain_model: model(batch, training=False), reduce_retracing=True
        )
        with tempfile.TemporaryDirectory() as folder:
            model = tf.saved_model.load(export(pathlib.Path(folder), encoder, head, images[:50]))
            served = model.signatures["classify_bytes"]
            row(name, 1, 1_000, served, plain, images, pixels)
            row(name, 64, 200, served, plain, images, pixels)


def row(
    name: str,
    batch_size: int,
    calls: int,
    served: Callable[..., Any],
    plain: Callable[..., Any],
    images: list[bytes],
    pixels: npt.NDArray[Any],
) -> None:
    """Time both sides in turn and print one row."""
    ours, theirs = [], []
    for call in range(-_WARM_UP_CALLS, calls):
        start = call * batch_size % (len(images) - batch_size + 1)
        rows = slice(start, start + batch_size)
        times = (
            seconds(lambda: served(image_bytes=tf.constant(images[rows]))["probabilities"].numpy()),  # noqa: B023
            seconds(lambda: plain(tf.constant(pixels[rows])).numpy()),  # noqa: B023
        )
        if call >= 0:
            ours.append(times[0])
            theirs.append(times[1])
    ours_ms, theirs_ms = (np.percentile(side, (50, 99)) * 1e3 for side in (ours, theirs))
    print(
        f"| {name}, batch {batch_size} | classify_bytes p50 {ours_ms[0]:.2f} ms, p99 {ours_ms[1]:.2f} ms, "
        f"{batch_size / ours_ms[0] * 1e3:,.0f} images/s; plain Keras {theirs_ms[0]:.2f} ms, "
        f"{theirs_ms[1]:.2f} ms, {batch_size / theirs_ms[0] * 1e3:,.0f} images/s | "
        f"{theirs_ms[0] / ours_ms[0]:.2f}x |",
        flush=True,
    )


def test_images(count: int) -> npt.NDArray[Any]:
    """Return the first test images, uint8 [N, 28, 28, 1]."""
    directory = known_data_sets.find_fashion_mnist(FashionMnistSource())
    with gzip.open(os.path.join(directory, "t10k-images-idx3-ubyte.gz")) as file:
        data = np.frombuffer(file.read(16 + count * 28 * 28), np.uint8, offset=16)
    return data.reshape(-1, 28, 28, 1)


def export(folder: pathlib.Path, encoder: keras.Model, head: keras.Model, images: list[bytes]) -> str:
    """Export the Trainer's SavedModel; return its directory."""
    from tfx_contrastive.trainer_module.serving.saved_model import export_classifier

    transform = transform_graph(folder / "transform", images)
    limit = ServingConfig().max_pixels
    export_classifier(str(folder / "model"), encoder, head, known_data_sets.CLASS_NAMES, transform, limit)
    return str(folder / "model")


def seconds(call: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

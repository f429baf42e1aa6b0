"""The data plane (ImageExampleGen, StatisticsGen, Transform, Evaluator) on up to 500,000 images.

    python -m benchmarks.data_plane scale [NUM_IMAGES ...]            # time, CPU, memory per component
    python -m benchmarks.data_plane workers [NUM_IMAGES NUM_IMAGES]   # Transform, one and two workers

`scale` takes 10,000, 70,000, 200,000 and 500,000 images unless told otherwise: about 15 minutes on two cores.
Its key column is the CPU time per additional image, compared with the row above, because starting a component
costs the same for any number of images. CPU time does not depend on what else the machine runs.

`workers` compares wall times, so it needs a quiet machine with two cores. The bar is that two worker
processes are 1.5 times as fast as one on 70,000 images. A larger number of images shows how much of the time
is the start of the processes.
"""

import argparse
import dataclasses
import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tfx import v1 as tfx
from tfx.dsl.components.base import base_beam_component, base_beam_executor
from tfx.types import channel, standard_artifacts

from tfx_contrastive.components.evaluation.config import report_config
from tfx_contrastive.components.image_example_gen import inspect_source
from tfx_contrastive.components.image_example_gen.adapters import idx
from tfx_contrastive.components.image_example_gen.adapters.known_data_sets import MD5, find_fashion_mnist
from tfx_contrastive.components.image_example_gen.config import FashionMnistSource
from tfx_contrastive.pipeline import pipeline as topology
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.config.platforms import BeamConfig
from tfx_contrastive.pipeline.source import source_of

SIZES = (10_000, 70_000, 200_000, 500_000)
WORKER_SIZES = (70_000, 500_000)
COMPONENTS = ("ingest", "statistics", "transform", "evaluation")
ENGINES = {
    "`local`, in this process": BeamConfig(),
    "`local-parallel`, 1 process": BeamConfig(profile="local-parallel", workers=1),
    "`local-parallel`, 2 processes": BeamConfig(profile="local-parallel", workers=2),
}
_CLASSES = tuple("0123456789")
_BATCH = 10_000


class BrightnessModel(tf.Module):
    """A classifier of ten classes by brightness, which needs no training."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classify serialized examples by their feature `brightness`."""
        parsed = tf.io.parse_example(examples, {"brightness": tf.io.FixedLenFeature([1], tf.float32)})
        centers = tf.linspace(0.2, 0.4, len(_CLASSES))[None]
        probabilities = tf.nn.softmax(-100.0 * tf.abs(parsed["brightness"] - centers))
        classes = tf.constant(_CLASSES)
        return {
            "probabilities": probabilities,
            "label": tf.gather(classes, tf.argmax(probabilities, axis=1)),
            "all_classes": tf.tile(classes[None], [tf.shape(probabilities)[0], 1]),
        }


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of a component.

    Attributes:
        seconds: Wall time.
        cpu_seconds: CPU time of this process and all its threads.
        peak_bytes: Peak memory of this process while the component ran, libraries included.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


class DataPlane:
    """ImageExampleGen, StatisticsGen, Transform and an Evaluator on one set of images."""

    def __init__(self, folder: str, num_images: int):
        """Create the images; a seventh of them are `test`, as in Fashion-MNIST.

        Args:
            folder: Directory for images and outputs.
            num_images: Number of images.
        """
        self._folder = pathlib.Path(folder)
        write_images(self._folder / "images", num_images)
        overrides = [
            f"root={folder}",
            f"data.source={{kind: idx, path: {self._folder}/images}}",
            "schema_path=null",
            "image={height: 28, width: 28, channels: 1}",
        ]
        config = load_config("fashion_mnist", overrides)
        source = source_of(config, inspect_source(config.data))
        nodes = topology.data_stage(config, source).nodes
        self._nodes = {node.id: node for node in nodes}
        self._outputs: dict[str, dict[str, Any]] = {}

    def ingest(self) -> Cost:
        """Run ImageExampleGen."""
        return self._run("ImageExampleGen", {})

    def statistics(self) -> Cost:
        """Run StatisticsGen on every split."""
        return self._run("StatisticsGen", {"examples": self._examples})

    def transform(self, *beam_args: str) -> Cost:
        """Run Transform, which analyzes `train`; call `statistics` first."""
        if "SchemaGen" not in self._outputs:
            self._run("SchemaGen", {"statistics": self._outputs["StatisticsGen"]["statistics"]})
        schema = self._outputs["SchemaGen"]["schema"]
        return self._run("Transform", {"examples": self._examples, "schema": schema}, beam_args)

    def evaluation(self) -> Cost:
        """Run an Evaluator on `test`, with a model that needs no training."""
        module, model = BrightnessModel(), standard_artifacts.Model()
        model.uri = str(self._folder / "model")
        tf.saved_model.save(
            module, f"{model.uri}/Format-Serving", signatures={"serving_default": module.serve}
        )
        evaluator = tfx.components.Evaluator(
            examples=channel.Channel(type=standard_artifacts.Examples),
            example_splits=["test"],
            model=channel.Channel(type=standard_artifacts.Model),
            schema=channel.Channel(type=standard_artifacts.Schema),
            eval_config=report_config(),
        )
        self._nodes["Evaluator"] = evaluator
        schema = self._outputs["SchemaGen"]["schema"]
        return self._run("Evaluator", {"examples": self._examples, "model": [model], "schema": schema})

    @property
    def _examples(self) -> Any:
        return self._outputs["ImageExampleGen"]["examples"]

    def _run(self, node_id: str, inputs: Mapping[str, Any], beam_args: tuple[str, ...] = ()) -> Cost:
        """Call a component's executor as TFX's launcher does."""
        node = self._nodes[node_id]
        outputs = {}
        for key, output in node.outputs.items():
            artifact = output.type()
            artifact.uri = str(self._folder / f"{node_id}-{len(beam_args)}-{time.monotonic_ns()}" / key)
            pathlib.Path(artifact.uri).mkdir(parents=True, exist_ok=True)
            outputs[key] = [artifact]
        executor_class = node.executor_spec.executor_class
        arguments: dict[str, Any] = {"tmp_dir": str(self._folder / "tmp"), "unique_id": "1"}
        if isinstance(node, base_beam_component.BaseBeamComponent):
            context = base_beam_executor.BaseBeamExecutor.Context(
                beam_pipeline_args=list(beam_args), **arguments
            )
        else:
            context = executor_class.Context(**arguments)
        executor = executor_class(context)
        _forget_peak()
        started, cpu_before = time.monotonic(), time.process_time()
        executor.Do(dict(inputs), outputs, dict(node.exec_properties))
        cost = Cost(time.monotonic() - started, time.process_time() - cpu_before, _peak_bytes())
        self._outputs[node_id] = outputs
        return cost


def write_images(folder: pathlib.Path, num_images: int) -> None:
    """Write IDX files of Fashion-MNIST's images, repeated, with a random shift and noise per copy."""
    folder.mkdir(parents=True)
    images, labels = _fashion_mnist()
    rng = np.random.default_rng(0)
    num_test = num_images // 7
    for prefix, count in (("train", num_images - num_test), ("t10k", num_test)):
        with (
            open(folder / f"{prefix}-images-idx3-ubyte", "wb") as image_file,
            open(folder / f"{prefix}-labels-idx1-ubyte", "wb") as label_file,
        ):
            image_file.write(struct.pack(">4I", 0x803, count, *images.shape[1:]))
            label_file.write(struct.pack(">2I", 0x801, count))
            for start in range(0, count, _BATCH):
                picked = rng.integers(len(images), size=min(_BATCH, count - start))
                batch = np.roll(images[picked], rng.integers(-2, 3, size=2), axis=(1, 2)).astype(np.int16)
                batch += rng.integers(-8, 9, size=batch.shape, dtype=np.int16)
                image_file.write(np.clip(batch, 0, 255).astype(np.uint8).tobytes())
                label_file.write(labels[picked].tobytes())


def _fashion_mnist() -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the training images, uint8 [60000, 28, 28], and labels, uint8 [60000]."""
    folder = find_fashion_mnist(FashionMnistSource())
    found = []
    for name in list(MD5)[:2]:
        with idx._open(f"{folder}/{name}") as file:
            shape, _ = idx.read_header(file, name)
            found.append(np.frombuffer(file.read(), np.uint8).reshape(shape))
    return found[0], found[1]


def _forget_peak() -> None:
    """Reset the peak of the process's memory (Linux only)."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def _peak_bytes() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())
    assert found is not None, "only Linux reports the peak"
    return int(found[1]) * 1024


def scale(sizes: tuple[int, ...] = SIZES) -> None:
    """Print the cost of each component; each size is measured in a new process."""
    print(
        "| component | images | seconds | CPU s | µs CPU / image | µs CPU / additional image | peak memory |"
    )
    print("|---|---|---|---|---|---|---|")
    before: dict[str, tuple[int, float]] = {}
    for size in sizes:
        command = [sys.executable, "-m", "benchmarks.data_plane", "measure", str(size)]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for name, (seconds, cpu, peak) in json.loads(done.stdout.splitlines()[-1]).items():
            more = ""
            if name in before:
                fewer, less = before[name]
                more = f"{(cpu - less) / (size - fewer) * 1e6:.0f}"
            before[name] = size, cpu
            print(
                f"| {name} | {size:,} | {seconds:.1f} | {cpu:.1f} | {cpu / size * 1e6:.0f} | {more} "
                f"| {peak / 2**30:.2f} GiB |",
                flush=True,
            )


def measure(size: int) -> None:
    """Print the costs of one size as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        plane = DataPlane(folder, size)
        costs = {name: getattr(plane, name)() for name in COMPONENTS}
    print(json.dumps({name: (c.seconds, c.cpu_seconds, c.peak_bytes) for name, c in costs.items()}))


def workers(sizes: tuple[int, ...] = WORKER_SIZES) -> None:
    """Print the time of Transform per engine, and the ratios."""
    few, many = (_seconds(size) for size in sizes)
    print(
        f"| engine | Transform, {sizes[0]:,} images | {sizes[1]:,} images | per 100,000 additional images |"
    )
    print("|---|---|---|---|")
    more = {name: (many[name] - few[name]) / (sizes[1] - sizes[0]) * 1e5 for name in ENGINES}
    for name in ENGINES:
        print(f"| {name} | {few[name]:.1f} s | {many[name]:.1f} s | {more[name]:.1f} s |")
    _, one, two = ENGINES
    for what, seconds in (
        (f"{sizes[0]:,} images", few),
        (f"{sizes[1]:,} images", many),
        ("per additional image", more),
    ):
        print(f"Two processes against one, {what}: {seconds[one] / seconds[two]:.2f} times as fast")


def _seconds(num_images: int) -> dict[str, float]:
    """Return the seconds of Transform by engine."""
    with tempfile.TemporaryDirectory() as folder:
        plane = DataPlane(folder, num_images)
        plane.ingest()
        plane.statistics()
        return {name: plane.transform(*config.pipeline_args()).seconds for name, config in ENGINES.items()}


def main(arguments: list[str]) -> None:
    """Run one of the two benchmarks."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.data_plane",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("benchmark", choices=("scale", "workers", "measure"))
    parser.add_argument("sizes", nargs="*", type=int, metavar="NUM_IMAGES")
    options = parser.parse_args(arguments)
    if options.benchmark == "measure":
        measure(options.sizes[0])
    elif options.benchmark == "scale":
        scale(tuple(options.sizes) or SIZES)
    else:
        workers(tuple(options.sizes) or WORKER_SIZES)


if __name__ == "__main__":
    given, sys.argv = sys.argv[1:], sys.argv[:1]  # Beam reads what is left in sys.argv
    main(given)

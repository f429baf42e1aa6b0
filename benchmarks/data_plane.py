"""The Beam components one at a time in this process, on as many images as wanted: time, CPU, memory."""

import dataclasses
import pathlib
import re
import struct
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tfx import v1 as tfx
from tfx.dsl.components.base import base_beam_component, base_beam_executor
from tfx.types import channel, standard_artifacts

from tests.pipeline.runners.data_plane import BrightnessModel
from tfx_contrastive.components.evaluation import eval_config
from tfx_contrastive.components.image_example_gen import inspect_source
from tfx_contrastive.components.image_example_gen.adapters import idx
from tfx_contrastive.components.image_example_gen.adapters.known_data_sets import MD5, find_fashion_mnist
from tfx_contrastive.components.image_example_gen.config import FashionMnistSource
from tfx_contrastive.pipeline import pipeline as topology
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.source import source_of

_BATCH = 10_000


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a component took.

    Attributes:
        seconds: Wall time.
        cpu_seconds: Of this process and all its threads.
        peak_bytes: The most memory that this process held while the component ran, libraries included.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


class DataPlane:
    """ImageExampleGen, StatisticsGen, Transform and an Evaluator on one set of images."""

    def __init__(self, folder: str, num_images: int):
        """Makes the images; a seventh of them is `test`, as in Fashion-MNIST.

        Args:
            folder: Images and outputs go here.
            num_images: How many.
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
        source = source_of(inspect_source(config.data))
        nodes = topology.data_stage(config, source).nodes
        self._nodes = {node.id: node for node in nodes}
        self._outputs: dict[str, dict[str, Any]] = {}

    def ingest(self) -> Cost:
        """ImageExampleGen."""
        return self._run("ImageExampleGen", {})

    def statistics(self) -> Cost:
        """StatisticsGen, of every split."""
        return self._run("StatisticsGen", {"examples": self._examples})

    def transform(self, *beam_args: str) -> Cost:
        """Transform: analyses `train`; needs `statistics` before it."""
        if "SchemaGen" not in self._outputs:
            self._run("SchemaGen", {"statistics": self._outputs["StatisticsGen"]["statistics"]})
        schema = self._outputs["SchemaGen"]["schema"]
        return self._run("Transform", {"examples": self._examples, "schema": schema}, beam_args)

    def evaluation(self) -> Cost:
        """Evaluator on `test`, of a model that needs no training."""
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
            eval_config=eval_config.report_config(),
        )
        self._nodes["Evaluator"] = evaluator
        schema = self._outputs["SchemaGen"]["schema"]
        return self._run("Evaluator", {"examples": self._examples, "model": [model], "schema": schema})

    @property
    def _examples(self) -> Any:
        return self._outputs["ImageExampleGen"]["examples"]

    def _run(self, node_id: str, inputs: Mapping[str, Any], beam_args: tuple[str, ...] = ()) -> Cost:
        """Calls a component's executor as TFX's launcher does."""
        node = self._nodes[node_id]
        outputs = {}
        for key, output in node.outputs.items():
            artifact = output.type()
            artifact.uri = str(self._folder / f"{node_id}-{len(beam_args)}-{time.monotonic_ns()}" / key)
            tf.io.gfile.makedirs(artifact.uri)
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
    """Writes IDX files of Fashion-MNIST's images, repeated, each copy shifted and with noise of its own."""
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


def _fashion_mnist() -> tuple[np.ndarray, np.ndarray]:
    """Training images uint8 [60000, 28, 28] and labels uint8 [60000]."""
    folder = find_fashion_mnist(FashionMnistSource())
    found = []
    for name in list(MD5)[:2]:
        with idx._open(f"{folder}/{name}") as file:
            shape, _ = idx.read_header(file, name)
            found.append(np.frombuffer(file.read(), np.uint8).reshape(shape))
    return found[0], found[1]


def _forget_peak() -> None:
    """Linux: sets the peak of the process's memory to what it holds now."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def _peak_bytes() -> int:
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

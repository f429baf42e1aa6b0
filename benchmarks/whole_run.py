"""`make run` on Fashion-MNIST: time, memory, accuracy, and a second run without changes.

The data plane's four components are then compared with TFX's own on the same 70,000 images
(`stock_pipeline` below). Takes about 15 minutes on two cores.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_model_analysis.proto import config_pb2
from tfx import v1 as tfx

from benchmarks.prepared import output_uri
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runs.lineage import Lineage, Run
from tfx_contrastive.pipeline.runs.metadata import connection_config

STOCK = "stock"  # name of the pipeline of TFX's own components
DATA_PLANE = {
    "ImageExampleGen": "ImportExampleGen",
    "StatisticsGen": "StatisticsGen",
    "Transform": "Transform",
    "TestEvaluator": "Evaluator",
}


def main() -> None:
    """Print one table."""
    print("| what | figure | bar |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        root = f"{scratch}/fashion"
        seconds, printed = _run(root)
        row("run without set-up", f"{seconds / 60:.1f} min", "at most 10 min")
        row("peak memory of its process", _find(r"peak memory (\S+ GiB)", printed), "under 4 GB")
        row("head on test, 60 labels per class", _find(r"test accuracy (\S+)", printed), "at least 0.83")
        again = statistics.median(_run(root)[0] for _ in range(3))
        importing = statistics.median(_import_tfx() for _ in range(3))
        row("second run without changes / `import tfx`", f"{again / importing:.2f}", "at most 1.5")
        compare_data_planes(root, scratch)


def compare_data_planes(root: str, scratch: str) -> None:
    """Run TFX's own components on the same images and print both times per component."""
    config = load_config("fashion_mnist", [f"root={root}"])
    ours = Lineage(connection_config(config), config.name).runs()[-1]  # the first run executed them
    stock_root = f"{scratch}/stock"
    arguments = [
        output_uri(ours, "ImageExampleGen", "examples"),
        output_uri(ours, "Trainer", "model"),
        stock_root,
    ]
    subprocess.run(
        [sys.executable, "-m", "benchmarks.whole_run", STOCK, *arguments], check=True, capture_output=True
    )
    stock_config = config.model_copy(update={"root": stock_root})
    stock = Lineage(connection_config(stock_config), STOCK).run()
    totals = [0.0, 0.0]
    for own, other in DATA_PLANE.items():
        pair = seconds_of(ours, own), seconds_of(stock, other)
        totals = [total + value for total, value in zip(totals, pair, strict=True)]
        row(f"{own}, TFX's {other}", f"{pair[0]:.1f} s, {pair[1]:.1f} s", "")
    row("data plane / TFX's own", f"{totals[0] / totals[1]:.2f}", "at most 0.5")


def seconds_of(run: Run, node_id: str) -> float:
    """Return the wall time of a node by ML Metadata's clock."""
    node = run.node(node_id)
    if node is None:
        raise LookupError(f"run {run.id} has no node {node_id}")
    return node.seconds


def row(what: str, figure: str, bar: str) -> None:
    """Print one row."""
    print(f"| {what} | {figure} | {bar} |", flush=True)


def _run(root: str) -> tuple[float, str]:
    started = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "tfx_contrastive.pipeline.cli.main",
        "run",
        "--config",
        "fashion_mnist",
        "--set",
        f"root={root}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.monotonic() - started, done.stdout


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"{pattern!r} is not in the output of the run:\n{text}")
    return found[1]


def _import_tfx() -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "from tfx import v1"], check=True, capture_output=True)
    return time.monotonic() - started


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """Decode each image to float32 and scale it, as TFX's image examples did."""

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_png(encoded, channels=1)
        return tf.image.resize(tf.cast(pixels, tf.float32) / 255.0, [28, 28])

    encoded = tf.reshape(inputs["image"], [-1])
    pixels = tf.map_fn(decode, encoded, fn_output_signature=tf.float32)
    outputs = {"image_xf": tf.reshape(pixels, [-1, 28, 28, 1])}
    tft.vocabulary(inputs["label"], vocab_filename="labels")
    return outputs


def stock_pipeline(source: str, model: str, root: str) -> tfx.dsl.Pipeline:
    """Return ImportExampleGen, StatisticsGen, SchemaGen, Transform and Evaluator with their defaults."""
    splits = [
        tfx.proto.Input.Split(name=name, pattern=f"Split-{name}/*") for name in ("train", "eval", "test")
    ]
    example_gen = tfx.components.ImportExampleGen(
        input_base=source, input_config=tfx.proto.Input(splits=splits)
    )
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema_gen.outputs["schema"],
        preprocessing_fn="benchmarks.whole_run.preprocessing_fn",
    )
    importer = tfx.dsl.Importer(source_uri=model, artifact_type=tfx.types.standard_artifacts.Model).with_id(
        "model"
    )
    evaluator = tfx.components.Evaluator(
        examples=examples,
        example_splits=["test"],
        model=importer.outputs["result"],
        eval_config=config_pb2.EvalConfig(
            model_specs=[
                config_pb2.ModelSpec(
                    signature_name="serving_default", label_key="label", prediction_key="probabilities"
                )
            ],
            slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["label"])],
            metrics_specs=[
                config_pb2.MetricsSpec(
                    metrics=[config_pb2.MetricConfig(class_name="SparseCategoricalAccuracy")]
                )
            ],
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name=STOCK,
        pipeline_root=root,
        components=[example_gen, statistics_gen, schema_gen, transform, importer, evaluator],
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            f"{root}/metadata.sqlite"
        ),
    )


if __name__ == "__main__":
    arguments, sys.argv = sys.argv[1:], sys.argv[:1]  # Beam reads what is left in sys.argv
    if arguments[:1] == [STOCK]:
        tfx.orchestration.LocalDagRunner().run(stock_pipeline(*arguments[1:]))
    else:
        main()

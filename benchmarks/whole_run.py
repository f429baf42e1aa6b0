"""`make run` as a user has it, on Fashion-MNIST: time, memory, accuracy, and an unchanged second run.

The data plane's four components are then compared with TFX's own on the same 70,000 images
(`benchmarks.stock_tfx`). Takes about 15 minutes on two cores.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time

from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runs.lineage import Lineage, Run
from tfx_contrastive.pipeline.runs.metadata import connection_config

DATA_PLANE = {
    "ImageExampleGen": "ImportExampleGen",
    "StatisticsGen": "StatisticsGen",
    "Transform": "Transform",
    "TestEvaluator": "Evaluator",
}


def main() -> None:
    """Prints one table."""
    print("| what | figure | bar |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        root = f"{scratch}/fashion"
        seconds, printed = _run(root)
        row("run, set-up excluded", f"{seconds / 60:.1f} min", "at most 10 min")
        row("peak memory of its process", re.search(r"peak memory (\S+ GiB)", printed)[1], "under 4 GB")
        row("head on test, 60 labels a class", re.search(r"test accuracy (\S+)", printed)[1], "at least 0.83")
        again = statistics.median(_run(root)[0] for _ in range(3))
        importing = statistics.median(_import_tfx() for _ in range(3))
        row("unchanged second run / `import tfx`", f"{again / importing:.2f}", "at most 1.5")
        compare_data_planes(root, scratch)


def compare_data_planes(root: str, scratch: str) -> None:
    """Runs TFX's own components on the same images and prints both, component by component."""
    config = load_config("fashion_mnist", [f"root={root}"])
    ours = Lineage(connection_config(config), config.name).runs()[-1]  # the first run executed them
    examples, model = ours.node("ImageExampleGen").output("examples"), ours.node("Trainer").output("model")
    stock_root = f"{scratch}/stock"
    arguments = [examples.uri, model.uri, stock_root]
    subprocess.run(
        [sys.executable, "-m", "benchmarks.stock_tfx", *arguments], check=True, capture_output=True
    )
    stock_config = config.model_copy(update={"root": stock_root})
    stock = Lineage(connection_config(stock_config), "stock").run()
    totals = [0.0, 0.0]
    for own, other in DATA_PLANE.items():
        pair = seconds_of(ours, own), seconds_of(stock, other)
        totals = [total + value for total, value in zip(totals, pair, strict=True)]
        row(f"{own}, TFX's {other}", f"{pair[0]:.1f} s, {pair[1]:.1f} s", "")
    row("data plane / TFX's own", f"{totals[0] / totals[1]:.2f}", "at most 0.5")


def seconds_of(run: Run, node_id: str) -> float:
    """Wall time of a node by ML Metadata's clock."""
    node = run.node(node_id)
    if node is None:
        raise LookupError(f"run {run.id} has no node {node_id}")
    return node.seconds


def row(what: str, figure: str, bar: str) -> None:
    """Prints one row."""
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


def _import_tfx() -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", "from tfx import v1"], check=True, capture_output=True)
    return time.monotonic() - started


if __name__ == "__main__":
    main()

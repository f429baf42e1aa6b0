"""A real Job API with workers in processes of their own gives what the engine in this process gives."""

import os
import pathlib
import re
import socket
import subprocess
import sys
import time
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_transform as tft
from google.protobuf import json_format
from tensorflow_metadata.proto.v0 import statistics_pb2

from tests.ports import free_port
from tfx_contrastive.components.evaluation.results import EvaluationResult
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runs.lineage import Lineage
from tfx_contrastive.pipeline.runs.metadata import connection_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.xdist_group("portable")]

ENVIRONMENT = {**os.environ, "PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"}


def run_on(folder: pathlib.Path, *overrides: Any) -> Any:
    given = [f"root={folder / 'root'}", *overrides]
    command = [sys.executable, "-m", "tests.pipeline.runners.data_plane", str(folder / "model"), *given]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    config = load_config("digits", given)
    return Lineage(connection_config(config), config.name).run()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run_on(tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="module")
def portable(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run on a job server with two workers, and the worker pool's log."""
    folder = tmp_path_factory.mktemp("portable")
    job_port, pool_port = free_port(), free_port()
    servers = {
        job_port: ["apache_beam.runners.portability.local_job_service_main", f"--port={job_port}"],
        pool_port: ["apache_beam.runners.worker.worker_pool_main", f"--service_port={pool_port}"],
    }
    log = folder / "workers.log"
    processes = []
    with log.open("w") as output:
        try:
            for port, command in servers.items():
                process = subprocess.Popen(
                    [sys.executable, "-m", *command], env=ENVIRONMENT, stdout=output, stderr=output
                )
                processes.append(process)
                _wait_for(port, process, log)
            run = run_on(
                folder,
                "beam.profile=portable",
                f"beam.job_endpoint=localhost:{job_port}",
                f"beam.artifact_endpoint=localhost:{job_port}",  # one server does both
                f"beam.worker_pool=localhost:{pool_port}",
                "beam.args=[--direct_num_workers=2]",
            )
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=60)
    return run, log.read_text()


def test_more_than_one_worker_process_took_part(portable: Any) -> None:
    started = set(re.findall(r'Starting worker with command.*?worker_id="([^"]+)"', portable[1]))
    assert len(started) >= 2


@pytest.mark.parametrize("split", ["train", "eval", "test"])
def test_examples_are_equal(local: Any, portable: Any, split: Any) -> None:
    expected = _examples(local, split)
    assert expected
    assert _examples(portable[0], split) == expected


@pytest.mark.parametrize("split", ["train", "eval", "test"])
def test_statistics_are_equal(local: Any, portable: Any, split: Any) -> None:
    """All but histograms, which are approximate and depend on the order of the parts."""
    theirs = _figures(local, split)
    assert theirs
    assert _figures(portable[0], split) == {
        name: pytest.approx(figures, rel=1e-9) for name, figures in theirs.items()
    }


def test_the_transform_graphs_do_the_same(local: Any, portable: Any) -> None:
    graphs = [
        tft.TFTransformOutput(run.node("Transform").output("transform_graph").uri)
        for run in (local, portable[0])
    ]
    serialized = [example.SerializeToString() for example in list(_examples(local, "train").values())[:8]]
    raw = tf.io.parse_example(serialized, graphs[0].raw_feature_spec())
    theirs, ours = (graph.transform_raw_features(raw) for graph in graphs)
    assert set(ours) == set(theirs)
    for name, value in theirs.items():
        tf.debugging.assert_near(tf.cast(ours[name], tf.float32), tf.cast(value, tf.float32), atol=1e-6)


def test_metrics_are_equal(local: Any, portable: Any) -> None:
    theirs, ours = (
        EvaluationResult(run.node("Evaluator").output("evaluation").uri).slices
        for run in (local, portable[0])
    )
    assert {found.slice: found.values for found in ours} == {
        found.slice: pytest.approx(found.values, rel=1e-6, nan_ok=True) for found in theirs
    }


def _examples(run: Any, split: Any) -> Any:
    folder = pathlib.Path(run.node("ImageExampleGen").output("examples").uri, f"Split-{split}")
    found = {}
    for path in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            example = tf.train.Example.FromString(record)
            found[example.features.feature["image_id"].bytes_list.value[0]] = example
    return found


def _figures(run: Any, split: Any) -> Any:
    (path,) = pathlib.Path(run.node("StatisticsGen").output("statistics").uri, f"Split-{split}").iterdir()
    statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes())
    found = {}
    for feature in statistics.datasets[0].features:
        name = feature.path.step[0]
        numbers = json_format.MessageToDict(feature.num_stats)
        kept = {key: numbers[key] for key in ("mean", "stdDev", "min", "max") if key in numbers}
        found[name] = {**kept, "present": feature.num_stats.common_stats.num_non_missing}
    return found


def _wait_for(port: Any, process: Any, log: Any) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The server has ended:\n{log.read_text()[-3000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("localhost", port)) == 0:
                return
        time.sleep(0.2)
    raise TimeoutError(f"Nothing listens on port {port}:\n{log.read_text()[-3000:]}")

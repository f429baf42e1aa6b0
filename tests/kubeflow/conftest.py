"""One run of the compiled pipeline on a model of a cluster, with what can go wrong on one."""

import concurrent.futures
import dataclasses
import pathlib
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kubeflow import object_store
from tests.kubeflow.cluster import Cluster, Run
from tests.pipeline.command import tfx_contrastive
from tfx_contrastive.pipeline.config import load_config

# As compiled; each is set at submission to what the run with Beam has.
COMPILED_WITH = (
    "pretrain.num_steps=7",
    "head.self_training.num_steps=7",
    "data.labels_per_class=7",
    "kubeflow.pipeline_root=s3://mlpipeline/artifacts",
    "kubeflow.defaults.retry={max_count: 1}",
    "kubeflow.tasks.Trainer.retry={max_count: 0}",
    "kubeflow.tasks.ImageExampleGen.cache=true",
)
FEWER_LABELS = 5


@dataclasses.dataclass(frozen=True)
class Kubeflow:
    """What happened on the cluster.

    Attributes:
        cluster: Still up.
        parameters: As given at submission.
        run: The whole pipeline; two of its containers were killed once.
        second: A run that started at the same time on the same roots, of ImageExampleGen alone.
        killed: Node id -> what was killed.
        folder: `artifacts/NODE/KEY` has the artifacts of `run`, `state` is the mounted volume.
    """

    cluster: Cluster
    parameters: dict[str, Any]
    run: Run
    second: Run
    killed: dict[str, Any]
    folder: pathlib.Path

    def artifact(self, node_id: Any, key: Any) -> str:
        """Local copy of an artifact."""
        return str(self.folder / "artifacts" / node_id / key)

    def metadata(self, node_id: Any, key: Any) -> Any:
        """Properties of an artifact as the metadata store has them."""
        return self.run.artifacts[node_id][key]["metadata"]


@pytest.fixture(scope="session")
def kubeflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubeflow]:
    """A finished `Kubeflow`."""
    folder = tmp_path_factory.mktemp("kubeflow")
    for name in ("store", "pods", "state"):
        (folder / name).mkdir()
    compiled = folder / "digits.yaml"
    overrides = [f"--set={item}" for item in COMPILED_WITH]
    done = tfx_contrastive("compile", "--config", "digits", *overrides, "--out", str(compiled))
    assert done.returncode == 0, done.stdout + done.stderr
    config = load_config("digits")
    parameters = {
        "state_root": str(folder / "state"),
        "pretrain_steps": config.pretrain.num_steps,
        "head_steps": config.head.num_steps,
        "labels_per_class": config.data.labels_per_class,
    }
    killed = {}

    def kill_once(node_id: Any, attempt: Any, process: Any, _run: Any) -> None:
        if attempt > 1 or node_id not in ("ImageExampleGen", "Pretrainer"):
            return
        while node_id == "Pretrainer" and process.poll() is None:
            if checkpoints := list((folder / "state").rglob("checkpoint")):
                killed[node_id] = checkpoints[0].read_text()
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)

    with object_store.running(folder / "store") as store, concurrent.futures.ThreadPoolExecutor() as pool:
        cluster = Cluster(compiled, store, folder / "pods")
        fewer = {**parameters, "labels_per_class": FEWER_LABELS}
        second = pool.submit(cluster.run, fewer, until="ImageExampleGen")
        run = cluster.run(parameters, watch=kill_once)
        assert run.state == "SUCCEEDED", (
            run.logs["ReportOutcome"][-500:] + list(run.logs.values())[-2][-3000:]
        )
        for node_id, outputs in run.artifacts.items():
            for key, artifact in outputs.items():
                store.download(artifact["uri"].partition("://")[2], folder / "artifacts" / node_id / key)
        yield Kubeflow(cluster, parameters, run, second.result(), killed, folder)

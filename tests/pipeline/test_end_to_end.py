"""The command on real data: what a user types, every node real, metrics and lineage asserted."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn import datasets

from tests.pipeline.command import tfx_contrastive
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runs.lineage import Lineage
from tfx_contrastive.pipeline.runs.metadata import connection_config

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CHAIN = [
    "ImageExampleGen",
    "StatisticsGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "AnomalyGate",
    "Transform",
    "Pretrainer",
    "RepresentationGate",
    "Trainer",
    "BaselineResolver",
    "Evaluator",
    "TestEvaluator",
    "CombinedBlessing",
    "CompatibilityCheck",
    "Pusher",
    "RegistryPusher",
    "EmbeddingGen",
    "SimilarityIndexGen",
]


def run_of(*overrides: Any) -> Any:
    config = load_config("digits", overrides)
    return Lineage(connection_config(config), config.name).run()


@pytest.mark.xdist_group("digits")
def test_every_node_ran_in_order(digits: tuple[str, str]) -> None:
    run = run_of(f"root={digits[0]}")
    assert sorted(node.id for node in run.nodes) == sorted(CHAIN)
    assert {node.state for node in run.nodes} == {"ran"}


@pytest.mark.xdist_group("digits")
def test_the_command_says_what_happened(digits: tuple[str, str]) -> None:
    root, printed = digits
    for node in CHAIN:
        assert f"{node} " in printed
    assert "blessed: every threshold was met" in printed
    assert f"{root}/serving/digits/" in printed
    assert "Warning" not in printed
    assert "Traceback" not in printed


@pytest.mark.xdist_group("digits")
def test_the_pushed_model_descends_from_the_pretrained_encoder(digits: tuple[str, str]) -> None:
    run = run_of(f"root={digits[0]}")
    (model,) = run.node("Pusher").inputs["model"]
    assert model == run.node("Trainer").output("model")
    (base,) = run.node("Trainer").inputs["base_model"]
    assert base == run.node("Pretrainer").output("model")
    (graph,) = run.node("Pretrainer").inputs["transform_graph"]
    assert graph == run.node("Transform").output("transform_graph")
    assert run.node("Pusher").output("pushed_model").properties["pushed"] == 1


@pytest.mark.xdist_group("digits")
def test_the_pushed_model_classifies_test_images(digits: tuple[str, str]) -> None:
    root, _ = digits
    (version,) = pathlib.Path(root, "serving", "digits").iterdir()
    classify = tf.saved_model.load(str(version)).signatures["classify_bytes"]
    data = datasets.load_digits()
    pictures = np.rint(data.images * (255 / 16)).astype(np.uint8)[..., None]
    encoded = tf.stack([tf.io.encode_png(picture) for picture in pictures[:500]])
    answers = classify(encoded)
    labels = np.array([label.decode() for label in answers["label"].numpy()])
    assert (labels == data.target[:500].astype(str)).mean() > 0.8
    np.testing.assert_allclose(answers["probabilities"].numpy().sum(axis=1), 1, atol=1e-5)


@pytest.mark.xdist_group("digits")
def test_an_unchanged_second_run_executes_nothing(digits: tuple[str, str]) -> None:
    root, _ = digits
    done = tfx_contrastive("run", "--config", "digits", "--set", f"root={root}")
    assert done.returncode == 0, done.stdout + done.stderr
    run = run_of(f"root={root}")
    assert {node.state for node in run.nodes} == {"cached"}
    assert len(list(pathlib.Path(root, "serving", "digits").iterdir())) == 1


@pytest.mark.xdist_group("digits")
def test_status_reads_the_run(digits: tuple[str, str]) -> None:
    done = tfx_contrastive("status", "--config", "digits", "--set", f"root={digits[0]}", "--json")
    assert done.returncode == 0, done.stderr
    status = json.loads(done.stdout)
    assert sorted(node["id"] for node in status["nodes"]) == sorted(CHAIN)


@pytest.mark.xdist_group("digits")
def test_the_pushed_model_is_the_champion(digits: tuple[str, str]) -> None:
    base = ("--config", "digits", "--set", f"root={digits[0]}")
    listed = tfx_contrastive("models", "list", *base, "--json")
    assert listed.returncode == 0, listed.stderr
    (version,) = json.loads(listed.stdout)["versions"]
    assert version["number"] == 1
    assert version["aliases"] == ["champion"]
    assert version["blessed"] is True
    same = tfx_contrastive("models", "diff", "1", "champion", *base, "--json")
    assert json.loads(same.stdout) == []
    back = tfx_contrastive("models", "rollback", *base)
    assert back.returncode == 1
    assert back.stderr == "Error: There is no former champion to go back to.\n"


@pytest.mark.xdist_group("digits")
def test_a_model_worse_than_the_threshold_is_not_pushed(digits: tuple[str, str]) -> None:
    root, _ = digits
    strict = ("run", "--config", "digits", "--set", f"root={root}", "--set", "evaluation.min_accuracy=1.0")
    done = tfx_contrastive(*strict)
    assert done.returncode == 4, done.stdout + done.stderr  # neither success nor failure
    assert "verdict         NOT blessed: refused by Evaluator\nreason          accuracy is " in done.stdout
    notes = {line.split()[0]: line.partition(" s")[2].strip() for line in done.stdout.splitlines() if line}
    assert [notes[node] for node in ("CombinedBlessing", "Pusher")] == ["refused", "not pushed"]
    assert "pushed model    none, so this run ends with status 4" in done.stdout
    assert len(list(pathlib.Path(root, "serving", "digits").iterdir())) == 1
    listed = tfx_contrastive("models", "list", "--config", "digits", "--set", f"root={root}", "--json")
    (version,) = json.loads(listed.stdout)[
        "versions"
    ]  # the same files: no new version, but this one's verdict
    assert version["blessed"] is False


def write_folder(folder: Any, labels: Any, split: Any = "") -> None:
    """Digits as PNG files in class sub-folders; a label of None goes to `unlabeled/`."""
    data = datasets.load_digits()
    for index, (image, target) in enumerate(zip(data.images, data.target, strict=True)):
        label = labels(target)
        target_folder = folder / split / ("unlabeled" if label is None else label)
        target_folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(image * (255 / 16)).astype(np.uint8)).save(target_folder / f"{index}.png")


def folder_config(tmp_path: pathlib.Path, folder: Any) -> Any:
    path = tmp_path / "config.yaml"
    path.write_text(
        json.dumps(
            {
                "name": "folder",
                "root": str(tmp_path / "root"),
                "data": {"source": {"kind": "image_folder", "path": str(folder)}},
                "image": {"height": 8, "width": 8, "channels": 1},
                "pretrain": {"num_steps": 30, "batch_size": 64},
            }
        )
    )
    return str(path)


def test_without_labels_an_encoder_is_trained_and_the_reason_is_told(tmp_path: pathlib.Path) -> None:
    write_folder(tmp_path / "images", lambda _: None)
    config = folder_config(tmp_path, tmp_path / "images")
    done = tfx_contrastive("run", "--config", config, "--set", "pretrain.num_steps=300")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "none: no image has a label, so only the encoder was trained" in done.stdout
    versions = list((tmp_path / "root" / "serving" / "folder").iterdir())
    assert len(versions) == 1, done.stdout
    assert "embed_bytes" in tf.saved_model.load(str(versions[0])).signatures


def test_too_many_bad_images_stop_the_run_with_one_message(tmp_path: pathlib.Path) -> None:
    write_folder(tmp_path / "images", str)
    for path in sorted((tmp_path / "images").rglob("*.png"))[::10]:
        path.write_bytes(path.read_bytes()[:40])
    done = tfx_contrastive("run", "--config", folder_config(tmp_path, tmp_path / "images"))
    assert done.returncode == 1
    assert "ImageExampleGen failed: " in done.stdout
    assert "truncated" in done.stdout
    assert "Log: " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr

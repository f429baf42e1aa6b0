"""The installed program over ML Metadata: exit statuses that a scheduler can act on."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.components.tiny_models import png
from tests.consumers.drift.conftest import training
from tests.pipeline.command import tfx_contrastive
from tests.pipeline.recorded_runs import RecordedRuns
from tfx_contrastive.components.embeddings import store
from tfx_contrastive.pipeline.cli.main import cli
from tfx_contrastive.pipeline.config import load_config

__all__ = ["training"]  # a fixture that pytest finds by its name here


@pytest.fixture
def root(training: Any, tmp_path: pathlib.Path) -> Any:
    """A pipeline's root whose metadata name the embeddings and statistics of the training data."""
    config = load_config("digits", [f"root={tmp_path / 'runs'}"])
    runs = RecordedRuns(config)
    runs.add(
        "run1", "StatisticsGen", {"statistics": (training.statistics_dir.removesuffix("/Split-train"), {})}
    )
    runs.add("run1", "EmbeddingGen", {"embeddings": (training.embeddings_uri, {})})
    return tmp_path / "runs"


def given(root: Any, images: Any, tmp_path: pathlib.Path, *arguments: Any) -> Any:
    folder = tmp_path / "new"
    folder.mkdir()
    for row, image in enumerate(images):
        (folder / f"{row}.png").write_bytes(png(np.asarray(image, np.uint8)))
    words = ["--images", folder, "--config", "digits", "--set", f"root={root}", "--run", "latest", *arguments]
    return ["drift", *map(str, words)]


def test_no_drift_is_exit_status_0(root: Any, training: Any, tmp_path: pathlib.Path) -> None:
    done = tfx_contrastive(*given(root, training.new_images, tmp_path, "--out", tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert "decision: no drift, nothing to do" in done.stdout
    assert json.loads((tmp_path / "out" / "decision.json").read_text())["retrain"] is False


def test_drift_is_exit_status_3_and_leaves_a_decision(
    root: Any, training: Any, tmp_path: pathlib.Path
) -> None:
    done = tfx_contrastive(*given(root, 225 - training.new_images, tmp_path))
    assert done.returncode == 3, done.stderr
    assert "ALARM: brightness is distributed otherwise" in done.stdout
    (written,) = (root / "drift").glob("*/decision.json")
    decision = json.loads(written.read_text())
    assert decision["retrain"] is True
    assert decision["encoder_fingerprint"] == store.read_meta(training.embeddings_uri).encoder_fingerprint


def test_what_can_not_be_checked_is_exit_status_1(root: Any, training: Any, tmp_path: pathlib.Path) -> None:
    done = CliRunner().invoke(cli, given(root, training.new_images[:10], tmp_path))
    assert done.exit_code == 1
    assert done.output.startswith("Error: Received 10 usable images; expected 50 or more")


def test_a_pipeline_without_embeddings_is_told(training: Any, tmp_path: pathlib.Path) -> None:
    done = CliRunner().invoke(cli, given(tmp_path / "empty", training.new_images[:60], tmp_path))
    assert done.exit_code == 1
    assert "Pipeline digits has no run yet. Start one: " in done.output


def test_a_wrong_alpha_is_told(root: Any, training: Any, tmp_path: pathlib.Path) -> None:
    done = CliRunner().invoke(cli, given(root, training.new_images[:60], tmp_path, "--alpha", 2))
    assert done.exit_code == 2
    assert "alpha" in done.output

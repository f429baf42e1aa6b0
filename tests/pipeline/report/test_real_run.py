"""The report of a real run on digits, and the commands that read its metadata."""

import json
import pathlib
import re
import time
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.pipeline.command import tfx_contrastive
from tests.pipeline.report import browser
from tfx_contrastive.pipeline import report
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runs.lineage import Lineage
from tfx_contrastive.pipeline.runs.metadata import connection_config
from tfx_contrastive.pipeline.runs.record import RunRecord, verdict

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("digits")]


@pytest.fixture(scope="module")
def config(digits: tuple[str, str]) -> Any:
    return load_config("digits", [f"root={digits[0]}"])


@pytest.fixture(scope="module")
def run(config: Any) -> Any:
    """The oldest run: other tests add runs to the same root."""
    return Lineage(connection_config(config), config.name).runs()[-1]


@pytest.fixture(scope="module")
def record(run: Any) -> Any:
    return RunRecord(run)


@pytest.fixture(scope="module")
def written(config: Any, run: Any) -> Any:
    return report.write_report(config, run.id, compare=run.id)


@pytest.fixture(scope="module")
def text(written: Any) -> Any:
    return written.read_text(encoding="utf-8")


def test_it_is_where_it_should_be_and_small_enough_to_send(config: Any, run: Any, written: Any) -> None:
    assert written == pathlib.Path(config.root, "reports", f"{run.id}.html")
    assert written.stat().st_size < 15 * 2**20


def test_the_verdict_is_that_of_the_gates(record: Any, text: Any) -> None:
    assert verdict(record) == "blessed: every threshold was met; there was no model in use to compare with"
    assert verdict(record).capitalize() in text
    assert text.count("gate-passed") >= 4


def test_figures_are_those_of_the_evaluator(record: Any, text: Any) -> None:
    for evaluation in record.evaluations:
        accuracy = evaluation.overall.values["accuracy"]
        assert f'<span class="big">{accuracy:.1%}</span>' in text


def test_predictions_of_the_report_agree_with_the_evaluator(record: Any) -> None:
    seen, evaluation = record.seen, record.evaluation("eval")
    assert seen.predictions.correct.mean() == pytest.approx(evaluation.overall.values["accuracy"])
    np.testing.assert_allclose(np.linalg.norm(seen.embeddings, axis=1), 1, atol=1e-5)


def test_histograms_count_every_image(record: Any) -> None:
    assert {split: found.num_examples for split, found in record.statistics.items()} == {
        "train": 1441,
        "eval": 185,
        "test": 171,
    }


@pytest.mark.skipif(browser.MISSING, reason="chromium and chromedriver are not installed")
def test_it_opens_offline_without_a_console_message(written: Any) -> None:
    with browser.opened() as window:
        window.open(written)
        window.wait("document.documentElement.dataset.drawn === 'map'")
        assert window.log() == []
        assert window.run("return document.querySelectorAll('.node').length") > 10


def test_tensorboard_has_scalars_views_and_embeddings_with_thumbnails(
    config: Any, run: Any, written: Any
) -> None:
    folder = pathlib.Path(config.root, "tensorboard", run.id)
    projector = folder / "projector"
    vectors = np.loadtxt(projector / "embedding.tsv", delimiter="\t")
    metadata = (projector / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    assert len(vectors) == len(metadata) - 1 == 185
    (tile,) = set(
        map(int, re.findall(r"single_image_dim: (\d+)", (projector / "projector_config.pbtxt").read_text()))
    )
    columns = int(np.ceil(np.sqrt(185)))
    with Image.open(projector / "sprite.png") as sprite:
        assert sprite.size == (columns * tile, columns * tile)
    tags = {part.name: tags_in(part) for part in folder.iterdir()}
    assert "pretrain/loss" in tags["Pretrainer"]
    assert any(tag.startswith("views") for tag in tags["views"])
    report.write_report(config, run.id)
    assert len(list((folder / "views").iterdir())) == 1  # a second report doubles nothing


def tags_in(folder: Any) -> Any:
    return {
        value.tag
        for path in folder.glob("*tfevents*")
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }


def command(digits: tuple[str, str], name: Any, *arguments: Any) -> Any:
    """Runs a sub-command with --json; also checks that it neither fails nor takes TensorFlow's time."""
    started = time.monotonic()
    done = tfx_contrastive(name, *arguments, "--config", "digits", "--set", f"root={digits[0]}", "--json")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 15  # seconds; importing TFX alone takes longer on a busy machine
    return json.loads(done.stdout)


def test_runs_lists_every_run(digits: tuple[str, str], run: Any) -> None:
    listed = command(digits, "runs")
    assert listed[-1]["run"] == run.id
    assert listed[-1]["verdict"] == "blessed"
    assert listed[-1]["pushed_version"] in listed[-1]["pushed_to"]


def test_show_has_inputs_outputs_and_properties(digits: tuple[str, str], run: Any) -> None:
    shown = command(digits, "show", run.id, "--node", "Trainer")
    (trainer,) = shown["nodes"]
    pretrainer = run.node("Pretrainer")
    assert trainer["inputs"]["base_model"][0]["id"] == pretrainer.output("model").id
    assert "custom_config" in trainer["properties"]
    unknown = tfx_contrastive(
        "show", run.id, "--node", "Nobody", "--config", "digits", "--set", f"root={digits[0]}"
    )
    assert unknown.returncode == 1
    assert "has no node Nobody. Known nodes: " in unknown.stderr


def test_artifacts_name_the_node_that_made_them(digits: tuple[str, str], run: Any) -> None:
    models = command(digits, "artifacts", "--type", "Model", "--run", run.id)
    assert {each["node"] for each in models} >= {"Pretrainer", "Trainer"}
    assert {each["run"] for each in models} == {run.id}


def test_the_report_command_says_where_it_is(
    digits: tuple[str, str], run: Any, tmp_path: pathlib.Path
) -> None:
    out = tmp_path / "sub" / "report.html"
    done = tfx_contrastive(
        "report", "--config", "digits", "--set", f"root={digits[0]}", "--run", run.id, "--out", str(out)
    )
    assert done.returncode == 0, done.stderr
    assert str(out) in done.stdout
    assert out.exists()


def test_an_unknown_run_is_told_plainly(digits: tuple[str, str]) -> None:
    done = tfx_contrastive("report", "--config", "digits", "--set", f"root={digits[0]}", "--run", "nope")
    assert done.returncode == 1
    assert "has no run nope. Known runs: " in done.stderr
    assert "Traceback" not in done.stderr

"""The command over ML Metadata."""

import csv
import pathlib
import shlex
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tests.components.tiny_models import digit_images
from tests.consumers.suggestions.test_lists import make, some_labels
from tests.pipeline.recorded_runs import RecordedRuns
from tfx_contrastive.pipeline.cli.suggest import command
from tfx_contrastive.pipeline.config import load_config


@pytest.fixture
def base(tmp_path: pathlib.Path) -> Any:
    _, truth = digit_images(400)
    uri, _, _ = make(tmp_path, some_labels(truth))
    config = load_config("digits", [f"root={tmp_path / 'runs'}"])
    RecordedRuns(config).add("run1", "EmbeddingGen", {"embeddings": (uri, {})})
    return ["--config", "digits", "--set", f"root={tmp_path / 'runs'}"]


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(command, [*map(str, arguments), "--run", "latest"])


def test_a_list_to_fill_in_with_the_next_command(base: Any, tmp_path: pathlib.Path) -> None:
    out, sheet = tmp_path / "to do" / "round 2.csv", tmp_path / "sheet.png"
    earlier = ["--set", "data.labels_files=round1.csv"]
    done = run("--n", 25, "--out", out, "--sheet", sheet, *base, *earlier)
    assert done.exit_code == 0, done.output
    assert f"\n25 images to label, out of 260 images without a label: {out}\n" in done.output
    then = done.output.splitlines()[-1].partition("Then: ")[2]
    assert shlex.split(then)[1:] == ["run", *base, "--set", f"data.labels_files=[round1.csv,{out}]"]
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == [""] * 25
    assert list(rows[0]) == ["label", "guess", "uncertainty", "source", "split", "image_id"]
    with Image.open(sheet) as picture:
        assert picture.width > 10 * 96
        assert 3 * 96 < picture.height < 4 * 140


def test_what_somebody_may_have_filled_in_is_not_overwritten(base: Any, tmp_path: pathlib.Path) -> None:
    out = tmp_path / "suggestions.csv"
    out.write_text("precious")
    done = run("--out", out, *base)
    assert done.exit_code == 1
    assert "may contain labels already. Name another file with --out." in done.output
    assert out.read_text() == "precious"


def test_errors_keep_the_label_that_stands(base: Any, tmp_path: pathlib.Path) -> None:
    out = tmp_path / "errors.csv"
    done = run("--errors", "--n", 5, "--out", out, "--sheet", tmp_path / "sheet.png", *base)
    assert done.exit_code == 0, done.output
    assert "unchanged lines have no effect" in done.output
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert 0 < len(rows) <= 5
    assert all(row["label"] and row["guess"] and row["label"] != row["guess"] for row in rows)


def test_a_pipeline_without_embeddings_is_told(tmp_path: pathlib.Path) -> None:
    done = run("--config", "digits", "--set", f"root={tmp_path}", "--out", tmp_path / "s.csv")
    assert done.exit_code == 1
    assert "Pipeline digits has no run yet. Start one: " in done.output

import json
import pathlib
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from tests.components.similarity_index_gen.conftest import make_index
from tests.components.tiny_models import image_id, png
from tfx_contrastive.pipeline.cli.search import search_command as command


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_index(tmp_path_factory.mktemp("indexed"))


@pytest.fixture
def query(indexed: Any, tmp_path: pathlib.Path) -> Any:
    path = tmp_path / "query.png"
    path.write_bytes(png(indexed.images[8]))
    return path


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments])


def test_neighbors_are_printed_and_drawn(indexed: Any, query: Any, tmp_path: pathlib.Path) -> None:
    sheet = tmp_path / "sheets" / "sheet.png"
    done = run(query, "--k", 3, "--index", indexed.index_uri, "--sheet", sheet)
    assert done.exit_code == 0, done.output
    assert image_id(indexed.images[8])[:12] in done.output
    assert "1.0000" in done.output
    assert f"contact sheet: {sheet}" in done.output
    with Image.open(sheet) as drawn:
        assert drawn.width > 4 * 96


def test_json_has_everything(indexed: Any, query: Any, tmp_path: pathlib.Path) -> None:
    done = run(
        query,
        query,
        "--label",
        "digit 1",
        "--json",
        "--index",
        indexed.index_uri,
        "--sheet",
        tmp_path / "s.png",
    )
    results = json.loads(done.output)["results"]
    assert [each["image"] for each in results] == [str(query)] * 2
    assert {neighbor["label"] for each in results for neighbor in each["neighbors"]} == {"digit 1"}


def test_a_wrong_label_is_told_in_one_line(indexed: Any, query: Any, tmp_path: pathlib.Path) -> None:
    done = run(query, "--label", "zebra", "--index", indexed.index_uri, "--sheet", tmp_path / "s.png")
    assert done.exit_code == 1
    assert done.output.startswith("Error: Received the label 'zebra'; no indexed image has it.")
    assert not (tmp_path / "s.png").exists()


def test_a_pipeline_without_a_run_is_told(query: Any, tmp_path: pathlib.Path) -> None:
    done = run(query, "--config", "digits", "--set", f"root={tmp_path / 'runs'}")
    assert done.exit_code == 1
    assert done.output.startswith("Error: Pipeline digits has no run yet. Start one: ")
    assert done.output.endswith(f"run --config digits --set root={tmp_path / 'runs'}\n")


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (("--run", "latest", "--version", "1"), "--version and --run"),
        (("--version", "1", "--index", "x"), "--version and --index"),
        (("--run", "latest", "--model", "x"), "--run and --model"),
    ],
)
def test_only_one_model_can_be_named(query: Any, named: Any, told: str) -> None:
    done = run(query, *named)
    assert done.exit_code == 2
    assert f"Received {told}, each of which names a model. Give only one of them." in done.output

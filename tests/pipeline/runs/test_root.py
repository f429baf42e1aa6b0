"""Roots that can't be used, told by every command that reads or writes one."""

import os
import pathlib
import shutil
from typing import Any

import pytest
from click.testing import CliRunner

from tests.pipeline.command import tfx_contrastive
from tests.pipeline.recorded_runs import RecordedRuns
from tfx_contrastive.pipeline.cli.main import cli
from tfx_contrastive.pipeline.config import load_config

READERS = {
    "status": [],
    "runs": [],
    "artifacts": [],
    "show": ["latest"],
    "report": [],
    "models list": [],
    "models rollback": [],
    "search": ["image.png"],
    "serve": [],
    "suggest": [],
    "drift": ["--images", "."],
    "validate": [],
    "run": [],
}


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    pathlib.Path("image.png").touch()
    return tmp_path


def make_root(root: Any) -> None:
    """A root that a run has used, as far as its metadata tell."""
    runs = RecordedRuns(load_config("digits", [f"root={root}"]))
    runs.add("r1", "ImageExampleGen", {"examples": (f"{root}/ImageExampleGen/examples/1", {})})
    runs.add("r1", "EmbeddingGen", {"embeddings": (f"{root}/EmbeddingGen/embeddings/2", {})})


def run(name: Any, root: Any, *arguments: Any) -> Any:
    words = [*name.split(), *arguments, "--config", "digits", "--set", f"root={root}"]
    return CliRunner().invoke(cli, words)


@pytest.mark.parametrize("name", READERS)
def test_a_moved_root_is_told_with_the_way_out(folder: Any, name: Any) -> None:
    make_root(folder / "old")
    (folder / "old").rename(folder / "new")
    done = run(name, "new", *READERS[name])
    assert done.exit_code == 1
    assert done.output == (
        f"Error: The root {folder}/new was moved from {folder}/old: its records name the files there. "
        f"Move it back, or link the former path to it: ln -s {folder}/new {folder}/old\n"
    )


def test_a_link_at_the_former_place_heals_it(folder: Any) -> None:
    make_root(folder / "old")
    (folder / "old").rename(folder / "new")
    (folder / "old").symlink_to(folder / "new")
    for root in ("old", "new"):
        assert run("runs", root).output.startswith("digits: 1 of 1 runs\n")


def test_a_copy_does_not_touch_the_original(folder: Any) -> None:
    make_root(folder / "old")
    shutil.copytree(folder / "old", folder / "new")
    done = run("run", "new")
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: The root {folder}/new is a copy of {folder}/old: ")
    assert f"--set root={folder}/old" in done.output
    assert run("runs", "old").exit_code == 0


@pytest.mark.parametrize("character", ["[", "]", "*", "?", "\\"])
@pytest.mark.parametrize("name", ["validate", "run"])
def test_characters_of_patterns_are_refused_at_once(folder: Any, name: Any, character: Any) -> None:
    done = run(name, f"runs/a{character}b")
    assert done.exit_code == 1
    assert done.output.startswith(
        f"Error: Received the root {folder}/runs/a{character}b, which contains {character}:"
    )
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("name", ["validate", "run"])
@pytest.mark.parametrize("root", ["images", "images/runs", "link/runs"])
def test_a_root_in_the_directory_of_the_data_is_refused_at_once(folder: Any, name: Any, root: Any) -> None:
    """The second run would learn a class of the pictures that the first one has written."""
    (folder / "images").mkdir()
    (folder / "link").symlink_to("images")
    done = run(name, root, "--set", "data={source: {kind: image_folder, path: images}}")
    assert done.exit_code == 1
    assert f"root {folder}/{root}, which is in the directory of the data, " in done.output
    assert not os.listdir(folder / "images")


@pytest.mark.parametrize("name", ["runs/größe 日本", "{x}", "a #1 100%25 'b' \"c\" $d;e&f", "-x"])
def test_other_characters_do(folder: Any, name: Any) -> None:
    done = run("validate", name)
    assert done.exit_code == 0, done.output
    assert f"go to {folder}/{name}\n" in done.output
    make_root(folder / name)
    assert run("runs", name).output.startswith("digits: 1 of 1 runs\n")


def test_without_a_home_a_path_is_asked_for(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # what it does for a uid without a name
    done = run("validate", "~/runs")
    assert done.exit_code == 1
    assert "root: received '~/runs'. This user has no home directory (HOME is not set)" in done.output
    done = run("validate", "runs", "--set", "data={source: {kind: image_folder, path: ~/images}}")
    assert "Received ~/images, but there is no such home directory (is HOME set?)" in done.output
    assert os.listdir(folder) == ["image.png"]


@pytest.mark.parametrize("home", [None, "/proc/none"])
def test_no_home_and_one_that_can_not_be_written_do(folder: Any, home: Any) -> None:
    env = {name: value for name, value in os.environ.items() if name != "HOME"}
    env |= {} if home is None else {"HOME": home}
    done = tfx_contrastive("validate", "--config", "digits", cwd=folder, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"go to {folder}/runs/digits\n" in done.stdout

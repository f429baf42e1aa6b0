"""Which configuration a command takes, and the commands that it prints, in a folder of a user's."""

import os
import pathlib
import re
import shlex
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.pipeline.command import PROGRAM, tfx_contrastive
from tfx_contrastive.pipeline.cli import invocation
from tfx_contrastive.pipeline.cli.main import cli

CONFIG = "name: {name}\ndata: {{source: {{kind: digits}}}}\nroot: runs/{name}\n"


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty folder, with everything else that a project's folder may hold."""
    (tmp_path / "compose.yaml").write_text("services: {web: {image: data}}\nname: web\n")
    (tmp_path / "pipeline.yaml").write_text("components: {}\nname: data\n---\nplatforms: {}\n")
    (tmp_path / "list.yml").write_text("[name, data]\n")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff data")
    (tmp_path / "folder.yaml").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(name: str, stem: str | None = None) -> None:
    pathlib.Path(name).write_text(CONFIG.format(name=stem or pathlib.Path(name).stem))


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments])


def test_the_one_configuration_of_the_folder_is_taken_and_named(folder: pathlib.Path) -> None:
    put("shoes.yml")
    done = tfx_contrastive("runs", cwd=folder)
    assert done.returncode == 0
    assert done.stderr == "Configuration: shoes.yml, the only one in this folder.\n"
    assert done.stdout.startswith("Pipeline shoes has no run yet. Start one: ")
    assert shlex.split(done.stdout.partition("Start one: ")[2])[1:] == ["run", "--config", "shoes.yml"]


def test_json_stays_json(folder: pathlib.Path) -> None:
    put("shoes.yaml")
    assert tfx_contrastive("runs", "--json", cwd=folder).stdout == "[]\n"


@pytest.mark.parametrize(
    "command",
    ["run", "validate", "views", "status", "compile", "report", "runs", "artifacts", "serve", "suggest"],
)
def test_none_is_told_and_no_demo_is_taken(folder: pathlib.Path, command: Any) -> None:
    done = run(command)
    assert done.exit_code == 1
    assert done.output == (
        f"Error: The folder {folder} holds no configuration, which is a YAML file with the keys name and "
        "data. Name one with --config FILE, or one that comes with the package: digits, fashion_mnist.\n"
    )
    assert not (folder / "runs").exists()


def test_several_are_listed(folder: pathlib.Path) -> None:
    put("shoes.yaml")
    put("hats 'n' caps.yml")
    done = run("run")
    assert done.exit_code == 1
    assert "holds several configurations: hats 'n' caps.yml, shoes.yaml." in done.output
    (words,) = re.findall(r"for example (--config .*)\n", done.output)
    assert shlex.split(words) == ["--config", "hats 'n' caps.yml"]


def test_a_broken_one_is_read_so_that_its_fault_is_told(folder: pathlib.Path) -> None:
    pathlib.Path("shoes.yaml").write_text("name: shoes\ndata: {source: [\n")
    assert "shoes.yaml can't be read as YAML" in run("validate").output


def test_a_bundled_name_needs_no_file_and_namesakes_are_told(folder: pathlib.Path) -> None:
    assert run("runs", "--config", "digits").output.startswith("Pipeline digits has no run yet.")
    (folder / "digits").mkdir()
    assert run("runs", "--config", "digits").output.startswith("Pipeline digits has no run yet.")
    put("digits.yaml", "mine")
    told = run("runs", "--config", "digits").output.splitlines()
    assert told[0] == (
        "Configuration: digits as it comes with the package; for the file of this folder write "
        "--config digits.yaml."
    )
    assert told[1].startswith("Pipeline digits has no run yet.")
    assert run("runs", "--config", "digits.yaml").output.startswith("Pipeline mine has no run yet.")


def test_a_name_without_its_ending_and_a_directory_are_told(folder: pathlib.Path) -> None:
    put("shoes.yaml")
    assert (
        "There is no configuration 'shoes'. Did you mean shoes.yaml?"
        in run("run", "--config", "shoes").output
    )
    told = run("run", "--config", "folder.yaml").output
    assert "Received the directory folder.yaml as a configuration; expected a YAML file." in told


def test_a_printed_command_runs_as_it_stands(folder: pathlib.Path) -> None:
    """From `.venv/bin`, as the documentation has it; `validate` in place of the long `run`."""
    name = "größe 42's; $c.yaml"
    (folder / ".venv").symlink_to(PROGRAM.parents[1])
    put(name, "shoes")
    done = subprocess.run(
        [".venv/bin/tfx-contrastive", "status", "--config", name, "--set", "root=my runs/{name}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    then = done.stderr.partition("Start one: ")[2].strip()
    assert then.startswith(".venv/bin/tfx-contrastive run --config ")
    again = subprocess.run(
        then.replace(" run ", " validate ", 1), shell=True, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert f"{folder}/my runs/shoes" in again.stdout


def test_a_program_on_the_path_is_called_by_its_name(folder: pathlib.Path) -> None:
    put("shoes.yaml")
    env = {**os.environ, "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["tfx-contrastive", "status"], capture_output=True, text=True, check=False, env=env)
    assert done.stderr.splitlines()[-1].endswith("Start one: tfx-contrastive run --config shoes.yaml")


def test_other_programs_of_the_environment_are_found_from_anywhere(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(PROGRAM)])
    monkeypatch.setenv("PATH", "/usr/bin")
    assert invocation.program("tensorboard") == str(PROGRAM.with_name("tensorboard"))
    monkeypatch.chdir(PROGRAM.parents[2])
    assert invocation.program("tensorboard") == ".venv/bin/tensorboard"
    monkeypatch.chdir(PROGRAM.parent)
    assert invocation.program("tensorboard") == "./tensorboard"
    monkeypatch.setenv("PATH", str(PROGRAM.parent))
    assert invocation.program("tensorboard") == "tensorboard"
    (folder / "links").mkdir()
    (folder / "links/tfx-contrastive").symlink_to(PROGRAM)
    monkeypatch.setenv("PATH", f"{folder}/links")
    monkeypatch.setattr(sys, "argv", [f"{folder}/links/tfx-contrastive"])
    assert invocation.program("tfx-contrastive") == "tfx-contrastive"
    assert invocation.program("tensorboard") == "./tensorboard"

"""The program with streams that are closed, full or of a poor encoding, and in a folder that is gone."""

import os
import pathlib
import subprocess
from typing import Any

import pytest

from tests.pipeline.command import PROGRAM, tfx_contrastive

CONFIG = "name: shoes\ndata: {source: {kind: digits}}\nroot: größe/{name}\n"


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> Any:
    (tmp_path / "größe.yaml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def in_shell(line: str, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    """Runs a line of shell; `$P` is the program."""
    env = {**os.environ, "P": str(PROGRAM)}
    return subprocess.run(
        ["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("line", "status"),
    [("$P runs >&-", 0), ("$P runs <&- >&- 2>&-", 0), ("$P nothing 2>&-", 2)],
)
def test_a_closed_stream_changes_no_status(folder: pathlib.Path, line: str, status: int) -> None:
    done = in_shell(line, folder)
    assert done.returncode == status
    assert done.stderr in ("", "Configuration: größe.yaml, the only one in this folder.\n")


@pytest.mark.parametrize("command", ["--help", "runs --config größe.yaml"])
def test_what_can_not_be_printed_is_told(folder: pathlib.Path, command: Any) -> None:
    done = in_shell(f"$P {command} >/dev/full", folder)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: the output of this command can't be written: No space left on device. Free some space.\n"
    )


def test_the_status_tells_where_the_error_stream_can_not(folder: pathlib.Path) -> None:
    assert in_shell("$P nothing 2>/dev/full", folder).returncode == 2
    assert in_shell("$P runs --config absent.yaml 2>/dev/full", folder).returncode == 1


def test_characters_that_an_encoding_lacks_are_written_out(folder: pathlib.Path) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = tfx_contrastive("validate", "--config", "größe.yaml", "--set", "root=日本", cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    assert rf"go to {folder}/\u65e5\u672c" in done.stdout


def test_a_folder_that_is_gone_is_told(tmp_path: pathlib.Path) -> None:
    done = in_shell('mkdir gone && cd gone && rmdir "$PWD" && $P runs --config digits', tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        "Error: the folder that this command runs in was deleted; change to another one.\n"
    )

"""The commands that read ML Metadata: no TensorFlow, plain words."""

import datetime
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from tests.pipeline.report.examples import example_run
from tfx_contrastive.pipeline.cli import history, records


@pytest.mark.parametrize("name", ["history", "main"])
def test_commands_load_neither_tensorflow_nor_tfx(name: str) -> None:
    script = (
        f"import sys, tfx_contrastive.pipeline.cli.{name}; "
        "sys.exit(any(module in sys.modules for module in ('tensorflow', 'tfx', 'apache_beam')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def arguments(root: Any) -> Any:
    return ["--config", "digits", "--set", f"root={root}"]


@pytest.mark.parametrize("command", [history.status_command, history.show_command])
def test_before_the_first_run_they_say_so(tmp_path: pathlib.Path, command: Any) -> None:
    extra = ["latest"] if command is history.show_command else []
    done = CliRunner().invoke(command, [*extra, *arguments(tmp_path)])
    assert done.exit_code == 1
    assert done.output.startswith("Error: Pipeline digits has no run yet. Start one: ")
    assert done.output.endswith(f"tfx-contrastive run --config digits --set root={tmp_path}\n")
    assert list(tmp_path.iterdir()) == []  # a look makes nothing


@pytest.mark.parametrize("command", [history.status_command, history.runs_command, history.artifacts_command])
def test_a_root_on_an_object_store_is_told(command: Any) -> None:
    done = CliRunner().invoke(command, arguments("gs://bucket/shoes"))
    assert done.exit_code == 1
    assert done.output.startswith("Error: Received the root gs://bucket/shoes; a run on this machine ")


def test_an_empty_list_says_how_to_begin(tmp_path: pathlib.Path) -> None:
    done = CliRunner().invoke(history.runs_command, arguments(tmp_path))
    assert done.output.startswith("Pipeline digits has no run yet. Start one: ")
    assert done.output.endswith(f"tfx-contrastive run --config digits --set root={tmp_path}\n")
    done = CliRunner().invoke(history.artifacts_command, arguments(tmp_path))
    assert done.output.startswith("Pipeline digits has no run yet. Start one: ")
    assert done.output.endswith(f"tfx-contrastive run --config digits --set root={tmp_path}\n")
    done = CliRunner().invoke(history.artifacts_command, [*arguments(tmp_path), "--json"])
    assert done.output == "[]\n"


def test_a_table_in_a_pipe_is_not_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    records.print_table("a title", ("name", "n"), [("x" * 300, "1"), ("y", "22")], right=("n",))
    wide = "x" * 300
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [["a", "title"], ["name", "n"], [wide, "1"], ["y", "22"]]
    assert lines == [line.rstrip() for line in lines]


def test_the_log_of_a_run_is_the_last_one_begun_before_it(tmp_path: pathlib.Path) -> None:
    run = example_run()
    assert records.log_of(run, str(tmp_path)) == ""
    (tmp_path / "logs").mkdir()
    for minutes in (-60, -1, 5):
        moment = run.started.astimezone() + datetime.timedelta(minutes=minutes)
        (tmp_path / "logs" / f"run-{moment:%Y%m%d-%H%M%S}.log").touch()
    wanted = run.started.astimezone() - datetime.timedelta(minutes=1)
    assert records.log_of(run, str(tmp_path)).endswith(f"/logs/run-{wanted:%Y%m%d-%H%M%S}.log")

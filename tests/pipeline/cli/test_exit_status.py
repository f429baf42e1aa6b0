"""Exit statuses of the installed program that need no run; test_drift.py has 3, test_end_to_end.py 4."""

import os
import pathlib
import subprocess
import sys

import pytest

from tests.pipeline.command import PROGRAM, tfx_contrastive
from tfx_contrastive.contract.errors import DataError
from tfx_contrastive.pipeline.cli import main


def test_success_is_0() -> None:
    assert tfx_contrastive("--help").returncode == 0
    assert tfx_contrastive("run", "--help").returncode == 0


def test_what_could_not_be_done_is_1(tmp_path: pathlib.Path) -> None:
    done = tfx_contrastive("validate", "--config", tmp_path / "absent.yaml")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: There is no configuration ")


def test_wrong_usage_is_2() -> None:
    for arguments in (["--no-such-option"], ["no-such-command"], ["run", "--no-such-option"], ["show"]):
        assert tfx_contrastive(*arguments).returncode == 2, arguments
    assert "Usage: " in tfx_contrastive("show").stderr
    assert "No such command 'statu'. Did you mean status?" in tfx_contrastive("statu").stderr


def test_help_says_what_a_scheduler_may_rely_on() -> None:
    said = " ".join(tfx_contrastive("run", "--help").stdout.split())
    assert "4 if the gates refused the model and nothing was pushed" in said
    assert "3 if there is drift" in " ".join(tfx_contrastive("drift", "--help").stdout.split())


def ending_of(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the entry point meet an error that no command has turned into a message; it exits with status 1."""

    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(main.cli, "main", fail)
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1


def told_of(
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    folder: pathlib.Path,
) -> tuple[str, str]:
    """Return the one line on the screen and the content of the file that it names."""
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.delenv(main.DEBUG_VARIABLE, raising=False)
    ending_of(error, monkeypatch)
    (log,) = folder.iterdir()
    (line,) = capsys.readouterr().err.splitlines()
    assert str(log) in line
    return line, log.read_text()


@pytest.mark.parametrize("error", [KeyError("lost"), ValueError("lost"), RuntimeError("lost")], ids=repr)
def test_a_bug_is_called_one(
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: pathlib.Path,
) -> None:
    line, log = told_of(error, monkeypatch, capsys, tmp_path)
    kind = f"{type(error).__name__}: {error}"
    assert line.startswith(
        f"Error: this is a bug in tfx-contrastive, not a mistake of yours: {kind}. Please "
    )
    assert "Traceback (most recent call last)" in log
    assert f"raise error\n{kind}" in log
    assert log.splitlines()[1].startswith("tfx-contrastive 0.")


def test_the_traceback_of_a_bug_goes_to_the_screen_on_demand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv(main.DEBUG_VARIABLE, "1")
    ending_of(KeyError("lost"), monkeypatch)
    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last)")
    assert told.endswith("KeyError: 'lost'. Please report it together with the traceback above\n")
    assert list(tmp_path.iterdir()) == []


def test_the_traceback_of_a_bug_goes_to_the_screen_where_no_file_can_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc/none")
    monkeypatch.delenv(main.DEBUG_VARIABLE, raising=False)
    ending_of(KeyError("lost"), monkeypatch)
    assert capsys.readouterr().err.endswith("Please report it together with the traceback above\n")


def test_a_file_that_can_not_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    with pytest.raises(OSError, match="No such file") as raised:
        pathlib.Path("/proc/none/views.png").write_bytes(b"")
    line, _ = told_of(raised.value, monkeypatch, capsys, tmp_path)
    assert line.startswith("Error: /proc/none/views.png: No such file or directory. ")


def test_our_own_error_is_its_text_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ending_of(DataError("Received nothing; expected images."), monkeypatch)
    assert capsys.readouterr().err == "Error: Received nothing; expected images.\n"


SABOTEUR = """
import sys
from tfx_contrastive.pipeline.cli import {module}, main

def fail(*_, **__):
    raise {error}

{module}.{name} = fail
sys.argv = ["tfx-contrastive", *sys.argv[1:]]
main.main()
"""


@pytest.mark.parametrize(
    ("module", "name", "arguments"),
    [
        ("preview", "survey_source", ["validate", "--config", "digits"]),
        ("preview", "sample_images", ["views", "--config", "digits"]),
        ("options", "choose", ["suggest", "--config", "digits"]),
    ],
)
@pytest.mark.parametrize("error", ["KeyError('lost')", "ValueError('lost')"])
def test_no_command_takes_a_bug_for_a_mistake_of_the_user(
    tmp_path: pathlib.Path, module: str, name: str, arguments: list[str], error: str
) -> None:
    script = tmp_path / "saboteur.py"
    script.write_text(SABOTEUR.format(module=module, name=name, error=error))
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = tfx_contrastive(*arguments, cwd=tmp_path, env=env, program=(sys.executable, script))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "this is a bug in tfx-contrastive" in line
    (log,) = tmp_path.glob("tfx-contrastive-error-*.log")
    assert log.name in line
    assert "in fail" in log.read_text()


def test_a_reader_that_has_enough_is_no_fault() -> None:
    done = subprocess.run(f"{PROGRAM} --help | true", shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""

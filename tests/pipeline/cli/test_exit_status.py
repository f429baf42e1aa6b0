"""Exit statuses of the installed program that need no run; test_drift.py has 3, test_end_to_end.py 4."""

import pathlib
import subprocess

import pytest

from tests.pipeline.command import PROGRAM, tfx_contrastive
from tfx_contrastive.pipeline.cli import main


def test_success_is_0():
    assert tfx_contrastive("--help").returncode == 0
    assert tfx_contrastive("run", "--help").returncode == 0


def test_what_could_not_be_done_is_1(tmp_path):
    done = tfx_contrastive("validate", "--config", tmp_path / "absent.yaml")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: There is no configuration ")


def test_wrong_usage_is_2():
    for arguments in (["--no-such-option"], ["no-such-command"], ["run", "--no-such-option"], ["show"]):
        assert tfx_contrastive(*arguments).returncode == 2, arguments
    assert "Usage: " in tfx_contrastive("show").stderr
    assert "No such command 'statu'. Did you mean status?" in tfx_contrastive("statu").stderr


def test_help_says_what_a_scheduler_may_rely_on():
    said = " ".join(tfx_contrastive("run", "--help").stdout.split())
    assert "4: the run has finished, but the gates refused the model and nothing was pushed" in said
    assert "3: drift, train again" in " ".join(tfx_contrastive("drift", "--help").stdout.split())


def told_of(error, monkeypatch, capsys, tmp_path):
    """What the entry point says of an error that no command turns into a message, and the file with it."""

    def fail(**_):
        raise error

    monkeypatch.setattr(main.cli, "main", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    (log,) = tmp_path.iterdir()
    (line,) = capsys.readouterr().err.splitlines()
    assert str(log) in line
    return line, log.read_text()


def test_a_fault_of_the_program_is_told_as_one(monkeypatch, capsys, tmp_path):
    line, log = told_of(KeyError("lost"), monkeypatch, capsys, tmp_path)
    assert line.startswith("Error: this should not have happened: KeyError: 'lost'. Please report it ")
    assert "Traceback (most recent call last)" in log
    assert "raise error\nKeyError: 'lost'" in log


def test_a_file_that_can_not_be_written_is_named(monkeypatch, capsys, tmp_path):
    with pytest.raises(OSError, match="No such file") as raised:
        pathlib.Path("/proc/none/views.png").write_bytes(b"")
    line, _ = told_of(raised.value, monkeypatch, capsys, tmp_path)
    assert line.startswith("Error: /proc/none/views.png: No such file or directory. ")


def test_a_reader_that_has_enough_is_no_fault():
    done = subprocess.run(f"{PROGRAM} --help | true", shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""

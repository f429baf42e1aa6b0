"""Exit statuses of the installed program that need no run; test_drift.py has 3, test_end_to_end.py 4."""

from tests.pipeline.command import tfx_contrastive


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


def test_help_says_what_a_scheduler_may_rely_on():
    said = " ".join(tfx_contrastive("run", "--help").stdout.split())
    assert "4: the run has finished, but the gates refused the model and nothing was pushed" in said
    assert "3: drift, train again" in " ".join(tfx_contrastive("drift", "--help").stdout.split())

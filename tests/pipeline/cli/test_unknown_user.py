"""A uid without a line in /etc/passwd and without HOME, as a container may have it."""

import os
import pathlib
import shutil
import subprocess
import tempfile
from typing import Any

import pytest

from tests.components.registry.conftest import empty_database  # noqa: F401 - a fixture
from tests.pipeline.command import PROGRAM, tfx_contrastive
from tests.pipeline.consumers import make_consumed

UID = 54321


def unknown_user_runs(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """Runs the program as `UID`, who may read and write what root may, in an empty environment."""
    capability = "+dac_override"
    as_user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
    as_user += [f"--inh-caps={capability}", f"--ambient-caps={capability}"]
    return tfx_contrastive(*arguments, program=[*as_user, PROGRAM], env={"PATH": os.environ["PATH"]})


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="only root may be somebody else")
def test_somebody_without_a_name_promotes_and_rolls_back(empty_database: Any) -> None:  # noqa: F811
    # Not in pytest's own folder, which only root may enter.
    with tempfile.TemporaryDirectory() as folder:
        made = make_consumed(pathlib.Path(folder), empty_database)
        made.record_run("r1", 0, blessed=True)
        made.record_run("r2", 1, blessed=True)
        subprocess.run(["chmod", "-R", "a+rwX", folder], check=True)
        _change_the_champion(made)


def _change_the_champion(made: Any) -> None:
    back = unknown_user_runs("models", "rollback", *made.options, "--reason", "worse")
    assert (back.returncode, back.stdout) == (0, "The champion is version 1, it was 2.\n"), back.stderr
    again = unknown_user_runs("models", "promote", "2", *made.options)
    assert (again.returncode, again.stdout) == (0, "The champion is version 2, it was 1.\n"), again.stderr
    assert [event.actor for event in made.registry.events()][-2:] == [f"uid {UID}"] * 2

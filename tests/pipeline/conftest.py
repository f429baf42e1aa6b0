"""One finished run, for all tests that look at one; those are in the xdist group `digits`."""

import pytest

from tests.pipeline.command import tfx_contrastive


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """One finished run on digits: its root and what the command printed."""
    root = str(tmp_path_factory.mktemp("digits"))
    done = tfx_contrastive("run", "--config", "digits", "--set", f"root={root}")
    assert done.returncode == 0, done.stdout + done.stderr
    return root, done.stdout

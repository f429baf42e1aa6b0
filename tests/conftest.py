"""Settings that every test shares, and one finished run for all tests that look at one."""

import fcntl
import os
from typing import Any

import hypothesis
import pytest

from tests.pipeline.command import tfx_contrastive

# TensorFlow reads this when it loads; two test processes share two cores.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# The same examples in every run, and no limit on the time of one: a busy machine is no failure.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> tuple[str, str]:
    """One finished run on digits: its root and what the command printed.

    Tests that add runs to the root are in the xdist group `digits`; another process may read the
    oldest run at any time. The first process that asks makes it, the others wait.
    """
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        folder = folder.parent
    root, printed = folder / "digits", folder / "digits.txt"
    with open(folder / "digits.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            done = tfx_contrastive("run", "--config", "digits", "--set", f"root={root}")
            assert done.returncode == 0, done.stdout + done.stderr
            printed.write_text(done.stdout)
    return str(root), printed.read_text()


def pytest_make_parametrize_id(val: Any) -> Any:
    """Name no test by the contents of a file: what holds a time differs between xdist's workers."""
    return f"{len(val)} bytes" if isinstance(val, bytes) and len(val) > 20 else None

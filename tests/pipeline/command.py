"""The command, run as a user runs it."""

import subprocess
import sys


def tfx_contrastive(*arguments, timeout=600):
    """Runs the command as a user does, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )

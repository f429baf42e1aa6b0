"""The command, run as a user runs it."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Mapping, Sequence

# The program that installing the package has made, not a function behind it.
PROGRAM = pathlib.Path(sys.executable).with_name("tfx-contrastive")


def tfx_contrastive(
    *arguments: object,
    timeout: int = 600,
    cwd: str | pathlib.Path | None = None,
    env: Mapping[str, str] | None = None,
    program: Sequence[object] = (PROGRAM,),
) -> subprocess.CompletedProcess[str]:
    """Run the installed program in a process of its own, as a user does.

    Args:
        *arguments: The arguments of the command line.
        timeout: Maximum time, in seconds.
        cwd: The working directory; None keeps the current one.
        env: The environment; None keeps the current one, without what the tests set for TensorFlow.
        program: The program, preceded by the command that starts it, if any.
    """
    if env is None:
        env = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [*map(str, program), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=cwd,
        env=env,
    )

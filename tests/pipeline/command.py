"""The command, run as a user runs it."""

import os
import pathlib
import subprocess
import sys
from typing import Any

# The program that installing the package has made, not a function behind it.
PROGRAM = pathlib.Path(sys.executable).with_name("tfx-contrastive")


def tfx_contrastive(
    *arguments: Any,
    timeout: int = 600,
    cwd: Any = None,
    env: Any = None,
    program: tuple[Any, ...] = (PROGRAM,),
) -> Any:
    """Runs the installed program as a user does, in a process of its own.

    Args:
        *arguments: Of the command line.
        timeout: Seconds.
        cwd: The folder it is run in; None: this one.
        env: Its whole environment; None: this one, without what tests set for TensorFlow.
        program: The program, after what starts it in another way.
    """
    if env is None:
        env = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [*program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=cwd,
        env=env,
    )

"""MLflow's own servers on loopback, as processes."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from tests.ports import free_port


@contextlib.contextmanager
def running(arguments: Any, folder: pathlib.Path, ready: Any) -> Iterator[Any]:
    """Run an MLflow server; yield its URI as soon as it answers at the path `ready`."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", *arguments, "--host", "127.0.0.1", "--port", str(port)]
    # `mlflow models serve` starts its server by the names `python` and `uvicorn`.
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    uri = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env={**os.environ, "PATH": path}
        )
        try:
            deadline = time.monotonic() + 300
            while not _answers(uri + ready):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.2)
            yield uri
        finally:
            process.terminate()
            process.wait()


def _answers(url: Any) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False

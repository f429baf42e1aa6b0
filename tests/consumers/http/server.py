"""`tfx-contrastive serve` in a process of its own."""

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from typing import Any

from tests.pipeline.command import PROGRAM


class Server:
    """Serve until `stop` is called; the output goes to a file."""

    def __init__(self, printed: Any, *arguments: Any) -> None:
        """Starts it on a free port.

        Args:
            printed: Path of the file for both of its streams.
            *arguments: Of `serve`, without the port.
        """
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.printed = printed
        limits = ("--timeout", "50")  # of a busy machine; `ask` waits a little longer
        program = [str(PROGRAM), "serve", "--port", str(self._port), *limits, *map(str, arguments)]
        with open(printed, "w") as file:
            self._process = subprocess.Popen(program, stdout=file, stderr=file)

    def ask(self, path: Any, body: Any = None) -> Any:
        """The JSON answer of a path; `body` makes it a POST."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", body, timeout=60) as answer:
            return json.load(answer)

    def wait(self, wanted: Any, seconds: Any = 300) -> Any:
        """Waits until it answers and its description of the model is `wanted`; returns its health."""
        deadline, health = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.printed.read_text()
            try:
                health = self.ask("/v1/health")
            except urllib.error.URLError:
                health = None
            if health is not None and health["model"]["description"] == wanted:
                return health
            time.sleep(0.5)
        raise AssertionError(f"{health}\n{self.printed.read_text()}")

    def stop(self) -> None:
        """Ends it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)

"""A port for a server of a test."""

import socket
from typing import Any


def free_port() -> Any:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

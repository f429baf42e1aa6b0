"""An in-process stand-in of the Kubeflow Pipelines v2beta1 API: the few calls that submitting makes.

The shapes of its answers follow the OpenAPI description from which kfp-server-api is generated; no
real server was asked. It checks the token and remembers what it is told.
"""

import contextlib
import http.server
import json
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

PREFIX = "/apis/v2beta1"


class ApiServer:
    """What was received, and how a run goes.

    Attributes:
        token: The bearer token that is expected; None lets everyone in.
        requests: (method, path, body), in order.
        progress: Answers about a run, one after the other: (state, {task: state}).
    """

    def __init__(self, token: Any = None) -> None:
        self.token = token
        self.requests: list[tuple[str, str, Any]] = []
        self.progress: list[tuple[str, dict[str, str]]] = [("SUCCEEDED", {})]
        self.url = ""

    def bodies(self, path: Any) -> list[Any]:
        return [body for _, found, body in self.requests if found == path and body]

    def answer(self, method: Any, path: Any, body: Any) -> Any:
        """Returns (status, answer)."""
        if path == "/healthz":
            return 200, {"multi_user": False}
        if path == "/experiments" and method == "GET":
            return 200, {}
        if path == "/experiments":
            return 200, {"experiment_id": "experiment-1", "display_name": body["display_name"]}
        if path == "/runs":
            return 200, {"run_id": "run-1", "state": "PENDING"}
        if path == "/recurringruns":
            return 200, {"recurring_run_id": "schedule-1"}
        if path == "/runs/run-1":
            state, tasks = self.progress.pop(0) if len(self.progress) > 1 else self.progress[0]
            details = [{"display_name": name, "state": told} for name, told in tasks.items()]
            return 200, {"run_id": "run-1", "state": state, "run_details": {"task_details": details}}
        return 404, {"error": f"no {method} {path}"}


@contextlib.contextmanager
def serving(api: Any, certificate: Any = None) -> Iterator[Any]:
    """Serves an `ApiServer` on loopback; `certificate` is a PEM file with key, for TLS."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = urllib.parse.urlparse(self.path).path.removeprefix(PREFIX)
            api.requests.append((self.command, path, body))
            if api.token is not None and self.headers.get("authorization") != f"Bearer {api.token}":
                status, answer = 401, {"error": "who are you?"}
            else:
                status, answer = api.answer(self.command, path, body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = handle_any  # noqa: N815 - the base class's names

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if certificate:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        api.url = f"{scheme}://localhost:{server.server_port}"
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()

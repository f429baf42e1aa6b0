import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tfx_contrastive.pipeline.runners.kubeflow import exit_handler

FAILED = json.dumps(
    {"state": "FAILED", "pipelineJobResourceName": "run-7", "error": {"message": "Transform failed"}}
)


@pytest.fixture
def webhook() -> Iterator[Any]:
    """A server that remembers what is posted to it."""
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.headers["Content-Type"], json.loads(body)))
            self.send_response(500 if self.path == "/broken" else 200)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def test_the_sentence_names_pipeline_run_state_and_error() -> None:
    message = exit_handler.outcome(FAILED, "digits")
    assert message["text"] == "Pipeline digits, run run-7: FAILED: Transform failed"
    assert (message["state"], message["error"]) == ("FAILED", "Transform failed")


def test_success_has_no_error() -> None:
    assert exit_handler.outcome('{"state": "SUCCEEDED"}', "digits")["text"].endswith("unknown: SUCCEEDED")


def test_the_message_is_posted_as_json(webhook: Any) -> None:
    url, received = webhook
    message = exit_handler.outcome(FAILED, "digits")
    exit_handler.post(url, message)
    assert received == [("application/json", message)]


def test_a_message_that_is_not_taken_fails_the_task(webhook: Any) -> None:
    url, _ = webhook
    with pytest.raises(OSError, match="500"):
        exit_handler.post(f"{url}/broken", {"text": "x"})

"""The same registry behind a real MLflow server, over HTTP."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
import tensorflow as tf

from components import serving_directory
from components.registry import promotion
from components.registry.mlflow_registry import MlflowRegistry
from components.registry.model_store import digest_of, read_record
from tests.components.registry.conftest import record_of

pytestmark = pytest.mark.slow


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """URI of a server with its own database and artifact directory."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder}/server.sqlite", "--workers", "1"),
        *("--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"),
    ]
    uri = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 300
            while not answers(f"{uri}/health"):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.2)
            yield uri
        finally:
            process.terminate()
            process.wait()


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def test_one_machine_registers_and_promotes_another_one_fetches(server, models, tmp_path):
    here = MlflowRegistry("clothes", str(tmp_path / "here"), server)
    serving = str(tmp_path / "serving")
    for model in models[:2]:
        version = here.register(model, record_of(model, git_commit="abc"))
        promotion.promote(here, version.number, "ada", "better", serving)
    assert here.register(models[0], record_of(models[0])).number == 1
    promotion.rollback(here, "ada", "worse", serving)
    assert digest_of(serving_directory.complete_versions(serving)[0].path) == digest_of(models[0])

    there = MlflowRegistry("clothes", str(tmp_path / "there"), server)
    assert [version.number for version in there.versions()] == [2, 1]
    assert there.alias("champion") == 1
    assert [event.action for event in there.events()] == ["promote", "promote", "rollback"]
    path = there.fetch(1)
    assert path.startswith(str(tmp_path / "there"))
    assert (digest_of(path), read_record(path).facts) == (digest_of(models[0]), {"git_commit": "abc"})
    answer = tf.saved_model.load(path).signatures["classify_bytes"](image=tf.constant([b"x"]))
    assert answer["label"].shape == [1]
    assert there.fetch(1) == path

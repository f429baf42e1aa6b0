"""The pipeline with ML Metadata in a real database server."""

import json
import subprocess
import sys

import pytest

from tests.pipeline.command import tfx_contrastive
from tests.pipeline.database_servers import DATABASE, PASSWORD, USER, server

pytestmark = [pytest.mark.slow]


@pytest.fixture(params=["mysql", "postgresql"])
def metadata(request, monkeypatch):
    """The `metadata` section for a running server."""
    monkeypatch.setenv("MLMD_PASSWORD", PASSWORD)
    with server(request.param) as port:
        yield {
            "kind": request.param,
            "host": "127.0.0.1",
            "port": port,
            "database": DATABASE,
            "user": USER,
        }


def test_a_run_is_recorded_there(metadata, tmp_path, monkeypatch):
    overrides = [f"root={tmp_path / 'root'}", f"metadata={json.dumps(metadata)}"]
    nodes = [sys.executable, "-m", "tests.pipeline.runners.data_plane", str(tmp_path / "model"), *overrides]
    done = subprocess.run(nodes, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    assert not (tmp_path / "root" / "metadata.sqlite").exists()

    arguments = ["--config", "digits", *(part for override in overrides for part in ("--set", override))]
    status = tfx_contrastive("status", *arguments, "--json")
    found = {node["id"]: node["state"] for node in json.loads(status.stdout)["nodes"]}
    assert found["ImageExampleGen"] == found["Transform"] == found["Evaluator"] == "ran"
    assert status.stderr == ""

    monkeypatch.setenv("MLMD_PASSWORD", "wrong")
    refused = tfx_contrastive("run", *arguments)
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        f"Error: ML Metadata can't be opened in the {metadata['kind']} server at"
    )

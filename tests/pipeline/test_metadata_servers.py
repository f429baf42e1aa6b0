"""The pipeline with ML Metadata in a real database server."""

import json

import pytest

from tests.pipeline.command import tfx_contrastive
from tests.pipeline.database_servers import DATABASE, PASSWORD, USER, server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


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


def test_a_run_is_recorded_and_answered_from_the_cache(metadata, tmp_path, monkeypatch):
    base = [
        "--config",
        "digits",
        "--set",
        f"root={tmp_path / 'root'}",
        "--set",
        f"metadata={json.dumps(metadata)}",
    ]
    few_steps = ["--set", "pretrain.num_steps=20", "--set", "head.mode=linear_probe"]
    first = tfx_contrastive("run", *base, *few_steps)
    assert first.returncode == 0, first.stdout + first.stderr
    assert not (tmp_path / "root" / "metadata.sqlite").exists()
    again = tfx_contrastive("run", *base, *few_steps)
    assert again.returncode == 0, again.stdout + again.stderr
    status = tfx_contrastive("status", *base, "--json")
    assert {node["state"] for node in json.loads(status.stdout)["nodes"]} == {"cached"}
    assert status.stderr == ""
    monkeypatch.setenv("MLMD_PASSWORD", "wrong")
    refused = tfx_contrastive("run", *base)
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        f"Error: ML Metadata can't be opened in the {metadata['kind']} server at"
    )

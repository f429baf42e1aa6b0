"""The pipeline with ML Metadata in a real database server."""

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from tests.pipeline.command import tfx_contrastive
from tests.pipeline.database_servers import DATABASE, PASSWORD, USER, server

pytestmark = [pytest.mark.slow]


def section(kind: Any, port: Any) -> Any:
    """The `metadata` section of a configuration."""
    server_at = {"host": "127.0.0.1", "port": port, "database": DATABASE, "user": USER}
    return f"metadata={json.dumps({'kind': kind, **server_at})}"


def on_digits(*overrides: Any) -> Any:
    """Arguments of a sub-command."""
    return ["--config", "digits", *(part for override in overrides for part in ("--set", override))]


@pytest.fixture
def mysql(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The port of a running server."""
    monkeypatch.setenv("MLMD_PASSWORD", PASSWORD)
    with server("mysql") as port:
        yield port


@pytest.fixture
def postgresql(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The port of a running server."""
    monkeypatch.setenv("MLMD_PASSWORD", PASSWORD)
    with server("postgresql") as port:
        yield port


def test_a_run_is_recorded_in_mysql(
    mysql: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [f"root={tmp_path / 'root'}", section("mysql", mysql)]
    nodes = [sys.executable, "-m", "tests.pipeline.runners.data_plane", str(tmp_path / "model"), *overrides]
    done = subprocess.run(nodes, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    assert not (tmp_path / "root" / "metadata.sqlite").exists()

    arguments = on_digits(*overrides)
    status = tfx_contrastive("status", *arguments, "--json")
    found = {node["id"]: node["state"] for node in json.loads(status.stdout)["nodes"]}
    assert found["ImageExampleGen"] == found["Transform"] == found["Evaluator"] == "ran"
    assert status.stderr == ""

    monkeypatch.setenv("MLMD_PASSWORD", "wrong")
    refused = tfx_contrastive("run", *arguments)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Error: ML Metadata can't be opened in the mysql server at 127.0.0.1:")


def test_postgresql_is_refused_where_its_client_breaks_on_a_backslash(
    postgresql: Any, tmp_path: pathlib.Path
) -> None:
    arguments = on_digits(f"root={tmp_path}", section("postgresql", postgresql))
    refused = tfx_contrastive("run", *arguments)
    if refused.returncode == 0:
        pytest.skip("this ML Metadata's client is sound: the whole run went through")
    assert refused.stderr.startswith(
        "Error: Received metadata.kind postgresql, but the PostgreSQL client of "
    )
    assert refused.stderr.count("\n") == 1


def test_the_cause_of_a_refused_password_is_told(
    postgresql: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLMD_PASSWORD", "wrong")
    arguments = on_digits(f"root={tmp_path}", section("postgresql", postgresql))
    refused = tfx_contrastive("validate", *arguments)
    assert refused.returncode == 1
    assert 'password authentication failed for user "mlmd"' in refused.stderr

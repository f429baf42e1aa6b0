"""The connection to ML Metadata: the message if it can't be opened."""

import pathlib
from typing import Any

import pytest

from tfx_contrastive.contract.errors import ConfigError
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runs.metadata import connection_config, open_store


def server(kind: Any, port: Any) -> Any:
    settings = f"{{kind: {kind}, host: 127.0.0.1, port: {port}, database: runs, user: someone}}"
    return load_config("digits", [f"metadata={settings}"])


@pytest.mark.parametrize("kind", ["mysql", "postgresql"])
def test_a_server_that_does_not_answer(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLMD_PASSWORD", "secret")
    with pytest.raises(ConfigError) as caught:
        open_store(connection_config(server(kind, 1)))
    told = str(caught.value)
    assert f"the {kind} server at 127.0.0.1:1, database runs, user someone: " in told
    assert "Check that the server runs and answers there" in told
    assert "secret" not in told


def test_a_password_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLMD_PASSWORD", raising=False)
    with pytest.raises(ConfigError, match=r"environment variable MLMD_PASSWORD must hold the password"):
        connection_config(server("mysql", 1))


def test_a_file_that_is_no_database(tmp_path: pathlib.Path) -> None:
    path = pathlib.Path(tmp_path / "metadata.sqlite")
    path.write_text("shopping list\n" * 100)
    with pytest.raises(
        ConfigError, match=r"metadata.sqlite can't be opened: .*Is it a SQLite file, and writable"
    ):
        open_store(connection_config(load_config("digits", [f"root={tmp_path}"])))

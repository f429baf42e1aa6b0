"""The same registry behind a real MLflow server, over HTTP."""

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest
import tensorflow as tf

from tests.components.registry import mlflow_servers
from tests.components.registry.conftest import record_of
from tfx_contrastive.components.model.directory import complete_versions
from tfx_contrastive.components.registry import promotion
from tfx_contrastive.components.registry.mlflow_backend import MlflowRegistry
from tfx_contrastive.components.registry.store import digest_of, read_record

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """URI of a server with its own database and artifact directory."""
    folder = tmp_path_factory.mktemp("server")
    arguments = [
        *("server", "--backend-store-uri", f"sqlite:///{folder}/server.sqlite", "--workers", "1"),
        *("--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"),
    ]
    with mlflow_servers.running(arguments, folder, "/health") as uri:
        yield uri


def test_one_machine_registers_and_promotes_another_one_fetches(
    server: Any, models: list[str], tmp_path: pathlib.Path
) -> None:
    here = MlflowRegistry("clothes", str(tmp_path / "here"), server)
    serving = str(tmp_path / "serving")
    for model in models[:2]:
        version = here.register(model, record_of(model, git_commit="abc"))
        promotion.promote(here, version.number, "ada", "better", serving)
    assert here.register(models[0], record_of(models[0])).number == 1
    promotion.rollback(here, "ada", "worse", serving)
    assert digest_of(complete_versions(serving)[0].path) == digest_of(models[0])

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

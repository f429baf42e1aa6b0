"""Kubeflow Model Registry: the real client against a stand-in of its server (kubeflow_server.py)."""

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("model_registry", reason="the extra `kubeflow-registry` is not installed")

from tests.components.registry.conftest import record_of
from tests.components.registry.kubeflow_server import make_app, serving
from tfx_contrastive.components.model.directory import complete_versions
from tfx_contrastive.components.registry import commands, promotion
from tfx_contrastive.components.registry.config import RegistryConfig
from tfx_contrastive.components.registry.interface import CHAMPION
from tfx_contrastive.components.registry.kubeflow_backend import KubeflowRegistry
from tfx_contrastive.components.registry.store import digest_of, read_record
from tfx_contrastive.contract.errors import RegistryError


@pytest.fixture
def server() -> Iterator[Any]:
    app = make_app()
    with serving(app) as uri:
        app.state.uri = uri
        yield app


@pytest.fixture
def registry(server: Any, tmp_path: pathlib.Path) -> Any:
    return KubeflowRegistry("clothes", str(tmp_path / "volume"), server.state.uri)


def test_a_registered_version_is_whole_and_one_a_digest(
    registry: Any, server: Any, models: list[str]
) -> None:
    first = registry.register(models[0], record_of(models[0], git_commit="abc", metrics={"accuracy": 0.9}))
    assert (first.number, first.blessed, first.digest) == (1, True, digest_of(models[0]))
    assert first.tags == {"git_commit": "abc", "metrics": '{"accuracy": 0.9}'}
    assert read_record(registry.fetch(1)).facts["metrics"] == {"accuracy": 0.9}
    assert registry.register(models[1], record_of(models[1])).number == 2
    assert registry.register(models[0], record_of(models[0])).number == 1
    assert [version.number for version in registry.versions()] == [2, 1]
    created = [entry for entry in server.state.log if entry[1] == "/model_versions"]
    assert created == [("POST", "/model_versions")] * 2


def test_a_second_verdict_replaces_the_first(registry: Any, models: list[str]) -> None:
    registry.register(models[0], record_of(models[0], blessed=True))
    assert not registry.register(models[0], record_of(models[0], blessed=False)).blessed
    assert [version.blessed for version in registry.versions()] == [False]


def test_pages_are_read_to_the_end(registry: Any, models: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfx_contrastive.components.registry.kubeflow_backend._PAGE", 2)
    for model in models:
        registry.register(model, record_of(model))
    assert [version.number for version in registry.versions()] == [3, 2, 1]


def test_promotion_rollback_and_the_served_directory(
    registry: Any, models: list[str], tmp_path: pathlib.Path
) -> None:
    serving_dir = str(tmp_path / "serving")
    for model in models[:2]:
        number = registry.register(model, record_of(model)).number
        promotion.promote(registry, number, "ada", "better", serving_dir)
    event = promotion.rollback(registry, "bob", "worse", serving_dir)
    assert event is not None
    assert event.version == 1
    assert registry.alias(CHAMPION) == 1
    assert [(event.action, event.actor) for event in registry.events()] == [
        ("promote", "ada"),
        ("promote", "ada"),
        ("rollback", "bob"),
    ]
    assert registry.intent() is None
    served = complete_versions(serving_dir)[0]
    assert digest_of(served.path) == digest_of(models[0])


def test_the_alias_moves_in_one_request(registry: Any, server: Any, models: list[str]) -> None:
    registry.register(models[0], record_of(models[0]))
    server.state.log.clear()
    registry.point(CHAMPION, 1)
    assert [method for method, _ in server.state.log] == ["PATCH"]
    registry.point(CHAMPION, None)
    assert registry.alias(CHAMPION) is None


def test_a_registration_cut_off_before_its_artifact_is_completed(
    registry: Any, server: Any, models: list[str]
) -> None:
    server.state.fail.add("artifacts")
    with pytest.raises(Exception, match="500"):
        registry.register(models[0], record_of(models[0]))
    assert [version.number for version in registry.versions()] == [
        1
    ]  # whole for this project: its files are there
    server.state.fail.clear()
    server.state.log.clear()
    assert registry.register(models[0], record_of(models[0])).number == 1
    assert [path.rsplit("/", 1)[-1] for _, path in server.state.log] == ["artifacts"]


def test_versions_of_others_are_left_alone(registry: Any, models: list[str]) -> None:
    registry._run(
        registry._api.upsert_model_version(registry._types.ModelVersion(name="by-hand"), registry._made().id)
    )
    assert registry.versions() == ()
    assert registry.register(models[0], record_of(models[0])).number == 1


def test_the_configuration_opens_it(server: Any, models: list[str], tmp_path: pathlib.Path) -> None:
    config = RegistryConfig(kind="kubeflow", uri=server.state.uri)
    location = commands.RegistryLocation(config, "clothes", str(tmp_path / "volume"))
    registry = commands.open_registry(location)
    registry.register(models[0], record_of(models[0]))
    assert [row.number for row in commands.list_models(location)] == [1]


def test_mistakes_are_told(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="registry.uri"):
        RegistryConfig(kind="kubeflow")
    with pytest.raises(RegistryError, match="expected http:// or https://"):
        KubeflowRegistry("clothes", str(tmp_path), "grpc://host")
    with pytest.raises(RegistryError, match="does not answer"):
        KubeflowRegistry("clothes", str(tmp_path), "http://127.0.0.1:9")
    with pytest.raises(RegistryError, match="expected a mounted one"):
        KubeflowRegistry("clothes", "s3://bucket/registry", "http://127.0.0.1:9")

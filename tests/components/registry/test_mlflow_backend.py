"""The embedded MLflow registry: versions, aliases and events, also as other processes see them."""

import contextlib
import os
import pathlib
import sqlite3

import pytest
import tensorflow as tf

from tests.components.registry.conftest import record_of
from tfx_contrastive.components.registry.interface import find
from tfx_contrastive.components.registry.mlflow_backend import MlflowRegistry
from tfx_contrastive.components.registry.store import digest_of, read_record
from tfx_contrastive.contract.errors import RegistryError


def test_a_registered_version_is_a_loadable_model_with_its_record(
    registry: MlflowRegistry, models: list[str]
) -> None:
    version = registry.register(models[0], record_of(models[0], git_commit="abc", metrics={"accuracy": 0.9}))
    assert (version.number, version.blessed, version.digest) == (1, True, digest_of(models[0]))
    assert version.tags == {"git_commit": "abc", "metrics": '{"accuracy": 0.9}'}
    path = registry.fetch(1)
    assert read_record(path) == record_of(models[0], git_commit="abc", metrics={"accuracy": 0.9})
    classify = tf.saved_model.load(path).signatures["classify_bytes"]
    assert classify(image=tf.constant([b"x"]))["label"].shape == [1]
    assert digest_of(path) == digest_of(models[0])


def test_the_same_model_twice_is_one_version(registry: MlflowRegistry, models: list[str]) -> None:
    first = registry.register(models[0], record_of(models[0]))
    registry.register(models[1], record_of(models[1]))
    assert registry.register(models[0], record_of(models[0])).number == first.number
    assert [version.number for version in registry.versions()] == [2, 1]


def test_a_second_verdict_replaces_the_first(registry: MlflowRegistry, models: list[str]) -> None:
    registry.register(models[0], record_of(models[0], blessed=True))
    assert not registry.register(models[0], record_of(models[0], blessed=False)).blessed
    assert [version.blessed for version in registry.versions()] == [False]


def test_a_fact_too_long_for_a_tag_is_in_the_record(registry: MlflowRegistry, models: list[str]) -> None:
    slices = {f"label:{number}": 0.5 for number in range(1_000)}
    registry.register(models[0], record_of(models[0], slices=slices))
    assert "slices" not in registry.versions()[0].tags
    assert read_record(registry.fetch(1)).facts["slices"] == slices


def test_aliases_point_to_one_version_and_can_be_taken_away(
    registry: MlflowRegistry, versions: list[int]
) -> None:
    assert registry.alias("champion") is None
    registry.point("champion", versions[0])
    registry.point("champion", versions[1])
    assert registry.alias("champion") == 2
    registry.point("champion", None)
    registry.point("champion", None)
    assert registry.alias("champion") is None


def test_another_process_sees_the_same(registry: MlflowRegistry, directory: str, versions: list[int]) -> None:
    registry.point("champion", 2)
    again = MlflowRegistry("clothes", directory)
    assert again.alias("champion") == 2
    assert again.versions() == registry.versions()


def test_mlflow_itself_resolves_and_loads_the_champion(
    registry: MlflowRegistry,
    directory: str,
    models: list[str],
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import mlflow

    monkeypatch.chdir(tmp_path)  # MLflow's global functions put their own files where they are called
    registry.register(models[0], record_of(models[0]))
    registry.point("champion", 1)
    uri = f"sqlite:///{directory}/registry.sqlite"
    before = mlflow.get_registry_uri()
    mlflow.set_registry_uri(uri)
    try:
        model = mlflow.pyfunc.load_model("models:/clothes@champion")
        answer = model.predict({"image": [b"abc", b"d"]})
    finally:
        mlflow.set_registry_uri(before)
    direct = tf.saved_model.load(models[0]).signatures["classify_bytes"](image=tf.constant([b"abc", b"d"]))
    assert list(answer["label"]) == [label.decode() for label in direct["label"].numpy()]


def test_a_leftover_of_a_killed_copy_is_no_version_and_goes_away(
    registry: MlflowRegistry, directory: str, models: list[str]
) -> None:
    leftover = os.path.join(directory, "models", ".incoming-dead")
    os.makedirs(os.path.join(leftover, "variables"))
    assert registry.versions() == ()
    registry.register(models[0], record_of(models[0]))
    assert os.listdir(os.path.join(directory, "models")) == [digest_of(models[0])]


def test_a_record_of_another_model_is_refused(registry: MlflowRegistry, models: list[str]) -> None:
    with pytest.raises(ValueError, match="have the digest"):
        registry.register(models[0], record_of(models[1]))
    assert registry.versions() == ()


def test_an_unknown_version_is_named_with_the_known_ones(
    registry: MlflowRegistry, versions: list[int]
) -> None:
    with pytest.raises(RegistryError, match=r"There is no version 7\. Known versions: 3, 2, 1\."):
        find(registry, 7)


def test_sqlite_on_an_object_store_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a local one"):
        MlflowRegistry("clothes", "s3://bucket/registry")


def test_reading_an_empty_root_creates_nothing(tmp_path: pathlib.Path) -> None:
    registry = MlflowRegistry("clothes", str(tmp_path / "registry"))
    assert registry.versions() == ()
    assert registry.events() == ()
    assert registry.alias("champion") is None
    assert registry.intent() is None
    with pytest.raises(RegistryError, match=r"There is no version 1\. Known versions: none yet\."):
        registry.fetch(1)
    assert list(tmp_path.iterdir()) == []


def test_reading_a_database_does_not_create_the_registered_model(
    registry: MlflowRegistry, directory: str
) -> None:
    assert registry.versions() == ()
    assert registry.events() == ()
    assert registry.alias("champion") is None
    with contextlib.closing(sqlite3.connect(f"{directory}/registry.sqlite")) as database:
        assert database.execute("SELECT name FROM registered_models").fetchall() == []

"""The directory of models: copies are complete or absent."""

import os
import pathlib

import pytest

from tfx_contrastive.components.registry import store
from tfx_contrastive.components.registry.interface import VersionRecord
from tfx_contrastive.contract.errors import InputError, RegistryError


@pytest.fixture
def model(tmp_path: pathlib.Path) -> str:
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    return str(folder)


def record_of(model: str, **facts: object) -> VersionRecord:
    return VersionRecord(store.digest_of(model), True, facts, "# Card\n")


def describe(folder: str) -> None:
    pathlib.Path(folder, store.MLMODEL_FILE).write_text("flavors: {}")


def test_a_stored_model_has_its_record_its_description_and_the_same_digest(
    model: str, tmp_path: pathlib.Path
) -> None:
    record = record_of(model, commit="abc", metrics={"accuracy": 0.5})
    path = store.ModelStore(str(tmp_path / "models")).add(model, record, describe)
    assert path == str(tmp_path / "models" / record.digest)
    assert sorted(os.listdir(path)) == [
        "MLmodel",
        "model_card.md",
        "saved_model.pb",
        "variables",
        "version.json",
    ]
    assert store.read_record(path) == record
    assert store.digest_of(path) == record.digest
    assert store.require_whole(path, 1) == path


def test_a_known_digest_is_not_copied_again(model: str, tmp_path: pathlib.Path) -> None:
    models = store.ModelStore(str(tmp_path / "models"))
    path = models.add(model, record_of(model), describe)
    (pathlib.Path(path) / "mark").touch()
    assert models.add(model, record_of(model), describe) == path
    assert (pathlib.Path(path) / "mark").exists()


def test_an_error_while_a_model_is_described_leaves_no_model(model: str, tmp_path: pathlib.Path) -> None:
    models = store.ModelStore(str(tmp_path / "models"))

    def fail(folder: str) -> None:
        raise OSError(f"no space left for {folder}")

    with pytest.raises(OSError, match="no space left"):
        models.add(model, record_of(model), fail)
    assert models.path(record_of(model).digest) is None
    models.add(model, record_of(model), describe)
    assert os.listdir(tmp_path / "models") == [record_of(model).digest]  # the unfinished copy is gone


def test_a_record_of_another_digest_is_refused(model: str, tmp_path: pathlib.Path) -> None:
    models = store.ModelStore(str(tmp_path / "models"))
    with pytest.raises(InputError, match="have the digest .*, expected other: they changed while"):
        models.add(model, VersionRecord("other", True, {}, ""), describe)
    with pytest.raises(InputError, match="expected other"):
        models.keep(model, "other")


def test_two_readers_may_cache_the_same_model(model: str, tmp_path: pathlib.Path) -> None:
    models = store.ModelStore(str(tmp_path / "cache"))
    digest = store.digest_of(model)
    assert models.keep(model, digest) == models.keep(model, digest) == models.path(digest)
    assert os.listdir(tmp_path / "cache") == [digest]


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("saved_model.pb", r"The directory of version 7, .*, lacks saved_model\.pb\. Restore its files"),
        ("version.json", r"lacks version\.json\."),
        ("model_card.md", r"lacks model_card\.md\."),
    ],
)
def test_a_damaged_version_is_explained(model: str, tmp_path: pathlib.Path, missing: str, told: str) -> None:
    path = store.ModelStore(str(tmp_path / "models")).add(model, record_of(model), describe)
    os.remove(f"{path}/{missing}")
    with pytest.raises(RegistryError, match=told):
        store.require_whole(path, 7)


def test_a_version_without_directory_is_explained(tmp_path: pathlib.Path) -> None:
    with pytest.raises(RegistryError, match=r"The directory of version 7, .*, does not exist\. Restore"):
        store.require_whole(str(tmp_path / "gone"), 7)

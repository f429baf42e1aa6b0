"""The operations behind `tfx-contrastive models`."""

import pathlib
from typing import Any

import pytest

from tests.components.registry.conftest import record_of
from tfx_contrastive.components.registry import commands
from tfx_contrastive.components.registry.config import RegistryConfig
from tfx_contrastive.components.registry.mlflow_backend import MlflowRegistry
from tfx_contrastive.contract.errors import RegistryError


@pytest.fixture
def location(directory: str, models: list[str], tmp_path: pathlib.Path) -> Any:
    registry = MlflowRegistry("clothes", directory)
    for number, model in enumerate(models):
        metrics = {"eval": {"overall": {"accuracy": 0.75 + number / 16}}}
        registry.register(model, record_of(model, metrics=metrics, git_commit=f"c{number}", task="clothes"))
    return commands.RegistryLocation(RegistryConfig(), "clothes", directory, str(tmp_path / "serving"))


def test_list_shows_the_newest_first_with_aliases(location: Any) -> None:
    commands.promote_model(location, "2", "ada", "better")
    rows = commands.list_models(location)
    assert [(row.number, row.aliases) for row in rows] == [(3, ()), (2, ("champion",)), (1, ())]
    assert rows[0].tags["git_commit"] == "c2"


def test_show_has_record_card_and_history(location: Any) -> None:
    commands.promote_model(location, "1", "ada", "first")
    commands.promote_model(location, "2", "bob", "better")
    details = commands.show_model(location, "champion")
    assert details.row.number == 2
    assert details.record.facts["metrics"]["eval"]["overall"]["accuracy"] == 0.8125
    assert details.record.card.startswith("# Card of")
    assert [event.actor for event in details.history] == ["bob"]
    assert [event.actor for event in commands.show_model(location, "1").history] == ["ada", "bob"]


def test_diff_names_what_differs_and_by_how_much(location: Any) -> None:
    assert commands.diff_models(location, "1", "3") == (
        commands.Difference("git_commit", "c0", "c2", None),
        commands.Difference("metrics.eval.overall.accuracy", 0.75, 0.875, 0.125),
    )


def test_rollback_brings_alias_and_served_directory_back(location: Any) -> None:
    commands.promote_model(location, "1", "ada", "first")
    commands.promote_model(location, "3", "ada", "better")
    commands.rollback_model(location, "bob", "complaints")
    assert commands.show_model(location, "champion").row.number == 1
    assert [(event.action, event.actor) for event in commands.history(location)] == [
        ("promote", "ada"),
        ("promote", "ada"),
        ("rollback", "bob"),
    ]


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("challenger", "No version is challenger yet"),
        ("9", r"There is no version 9\. Known versions: 3, 2, 1"),
        ("latest", "Received the version 'latest'; expected a number, champion or challenger"),
    ],
)
def test_an_unknown_version_is_explained(location: Any, version: Any, message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        commands.show_model(location, version)

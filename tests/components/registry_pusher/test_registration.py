"""Registration of candidates: versions, aliases and recorded facts."""

import dataclasses
import json
import pathlib
from typing import Any

import pytest

from tfx_contrastive.components.model.directory import complete_versions, copy_model, publish
from tfx_contrastive.components.registry import commands, promotion
from tfx_contrastive.components.registry.config import RegistryConfig
from tfx_contrastive.components.registry.store import digest_of
from tfx_contrastive.components.registry_pusher import facts
from tfx_contrastive.components.registry_pusher.registration import register_candidate
from tfx_contrastive.contract.errors import RegistryError


@pytest.fixture
def location(directory: str, tmp_path: pathlib.Path) -> Any:
    return commands.RegistryLocation(RegistryConfig(), "clothes", directory, str(tmp_path / "serving"))


@pytest.fixture
def candidate(models: list[str], example_dir: str) -> Any:
    return facts.Sources(
        model_dir=models[0],
        example_dirs=[example_dir],
        evaluations={},
        representation_uri=None,
        compatibility_uri=None,
        schema_uri=None,
        data={"num_train": 100, "num_train_labeled": 20, "digest": "d1"},
        blessed=True,
        refused_by="",
        lineage={"pipeline": "clothes", "run": "r1", "execution": "7", "artifacts": {}},
        given={"git_commit": "abc", "config_digest": "c1"},
    )


def configured(location: Any, **options: Any) -> Any:
    return dataclasses.replace(location, config=RegistryConfig(**options))


def test_a_blessed_candidate_becomes_champion_and_is_served(location: Any, candidate: Any) -> None:
    outcome = register_candidate(location, candidate, "run r1")
    assert (outcome.version, outcome.aliases, outcome.champion) == (1, ("champion",), 1)
    details = commands.show_model(location, "champion")
    assert details.record.facts["label_vocabulary"] == ["ankle boot", "café/bar"]
    assert details.record.facts["git_commit"] == "abc"
    assert details.record.facts["data_digest"] == "d1"
    assert details.record.facts["lineage"]["execution"] == "7"
    assert set(details.record.facts["signatures"]) == {"serving_default", "classify_bytes", "embed_bytes"}
    assert details.record.facts["signatures"]["classify_bytes"]["inputs"] == {
        "image": {"dtype": "string", "shape": [None]}
    }
    assert len(details.record.facts["encoder_fingerprint"]) == 64
    assert [event.actor for event in details.history] == ["run r1"]
    served = complete_versions(location.serving_dir)
    assert [digest_of(version.path) for version in served] == [digest_of(candidate.model_dir)]
    assert outcome.served_as == served[0].path


def test_the_baseline_is_found_among_the_served_versions(
    location: Any, candidate: Any, models: list[str], tmp_path: pathlib.Path
) -> None:
    serving_dir = str(tmp_path / "serving")
    assert facts.baseline_version(models[0], models[0], serving_dir) == ""  # nothing was in use
    served = register_candidate(location, candidate, "run r1").served_as
    version = pathlib.Path(served).name
    baseline = tmp_path / "baseline"
    copy_model(served, str(baseline))
    assert facts.baseline_version(str(baseline), models[1], serving_dir) == version
    assert facts.baseline_version(str(baseline), models[0], serving_dir) is None  # it is served already
    assert facts.baseline_version(str(baseline), models[1], str(tmp_path / "another")) is None
    assert facts.baseline_version(str(tmp_path / "gone"), models[1], serving_dir) is None
    assert facts.baseline_version("", models[1], serving_dir) is None


def test_a_repeated_run_changes_nothing(location: Any, candidate: Any) -> None:
    first = register_candidate(location, candidate, "run r1")
    again = register_candidate(location, candidate, "run r2")
    assert (again.version, again.aliases) == (first.version, first.aliases)
    assert len(commands.list_models(location)) == len(commands.history(location)) == 1


def test_a_repeated_run_does_not_undo_a_rollback(location: Any, candidate: Any, models: list[str]) -> None:
    register_candidate(location, candidate, "run r1")
    better = dataclasses.replace(candidate, model_dir=models[1])
    register_candidate(location, better, "run r2")
    commands.rollback_model(location, "ada", "complaints")
    outcome = register_candidate(location, better, "run r3")
    assert (outcome.version, outcome.aliases, outcome.champion) == (2, (), 1)
    assert outcome.reason == "it was champion before; a person decides whether to promote it again"


def test_a_challenger_waits_and_the_champion_is_served_still(
    location: Any, candidate: Any, models: list[str]
) -> None:
    register_candidate(location, candidate, "run r1")
    waiting = configured(location, promote_to="challenger")
    publish(models[1], location.serving_dir)  # the Pusher has been there
    outcome = register_candidate(waiting, dataclasses.replace(candidate, model_dir=models[1]), "run r2")
    assert (outcome.aliases, outcome.champion, outcome.served_as) == (("challenger",), 1, "")
    newest = complete_versions(location.serving_dir)[0]
    assert digest_of(newest.path) == digest_of(models[0])
    commands.promote_model(waiting, "challenger", "ada", "looks good")
    newest = complete_versions(location.serving_dir)[0]
    assert digest_of(newest.path) == digest_of(models[1])


def test_a_refused_candidate_is_not_registered(location: Any, candidate: Any) -> None:
    refused = dataclasses.replace(candidate, blessed=False, refused_by="evaluation")
    outcome = register_candidate(location, refused, "run r1")
    assert (outcome.version, outcome.reason) == (None, "not blessed, so it is not registered")
    assert commands.list_models(location) == ()


def test_a_refused_candidate_is_recorded_where_it_is_wanted_and_promoted_by_force_only(
    location: Any, candidate: Any
) -> None:
    refused = dataclasses.replace(candidate, blessed=False, refused_by="evaluation")
    outcome = register_candidate(configured(location, keep_refused=True), refused, "run r1")
    assert (outcome.version, outcome.aliases) == (1, ())
    assert "NOT blessed: refused by Evaluator" in commands.show_model(location, "1").record.card
    with pytest.raises(RegistryError, match="not blessed"):
        commands.promote_model(location, "1", "ada", "need it")
    event = commands.promote_model(location, "1", "ada", "need it", force=True)
    assert event is not None
    assert event.forced


def test_a_version_that_is_refused_later_loses_its_blessing_not_its_alias(
    location: Any, candidate: Any
) -> None:
    register_candidate(location, candidate, "run r1")
    outcome = register_candidate(location, dataclasses.replace(candidate, blessed=False), "run r2")
    assert (outcome.version, outcome.champion) == (1, 1)
    assert not commands.list_models(location)[0].blessed


def test_a_run_killed_between_registration_and_promotion_is_finished_by_the_next(
    location: Any, candidate: Any
) -> None:
    registry = commands.open_registry(location)
    register_candidate(configured(location, promote_to="challenger"), candidate, "run r1")
    promotion.settle(registry)
    assert registry.alias("champion") is None
    assert register_candidate(location, candidate, "run r1").aliases == ("champion",)


def test_a_model_that_does_not_answer_is_not_registered(
    location: Any, candidate: Any, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(ValueError, match="No example in"):
        register_candidate(
            location, dataclasses.replace(candidate, example_dirs=[str(tmp_path / "empty")]), "run r1"
        )
    assert commands.list_models(location) == ()


def test_gates_schema_and_card(location: Any, candidate: Any, tmp_path: pathlib.Path) -> None:
    report = {"figures": {"knn_accuracy": 0.875}, "reasons": [], "checks": []}
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "metrics.json").write_text(json.dumps(report))
    compatibility = {"verdict": "re-index needed", "reasons": ["linear CKA is 0.5"], "compared_with": "17"}
    (tmp_path / "report" / "compatibility.json").write_text(json.dumps({**compatibility, "config": {}}))
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "schema.pbtxt").write_text("feature {}")
    sources = dataclasses.replace(
        candidate,
        representation_uri=str(tmp_path / "report"),
        compatibility_uri=str(tmp_path / "report"),
        schema_uri=str(tmp_path / "schema"),
    )
    register_candidate(location, sources, "run r1")
    record = commands.show_model(location, "1").record
    assert record.facts["gates"]["representation"]["figures"] == {"knn_accuracy": 0.875}
    assert record.facts["compatibility"] == compatibility
    assert "Compared with version 17: **re-index needed**. linear CKA is 0.5" in record.card
    assert len(record.facts["schema_digest"]) == 64
    assert "| num train labeled | 20 |" in record.card
    assert "| knn_accuracy | 0.8750 |" in record.card
    assert "| git commit | abc |" in record.card
    assert "| execution in ML Metadata | 7 |" in record.card
    assert f"| encoder fingerprint | {record.facts['encoder_fingerprint']} |" in record.card
    assert "Classes: `ankle boot`, `café/bar`" in record.card
    assert "| `embed_bytes` | encoded image, bytes (PNG, JPEG, BMP, GIF) | `embedding` float32" in record.card

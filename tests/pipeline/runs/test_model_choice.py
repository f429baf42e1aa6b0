"""Which model a consumer gets: by the registry and the gates' verdicts, with the index of that model."""

import json
import pathlib
import shutil
from typing import Any

import pytest
from click.testing import CliRunner

from tests.components.registry.conftest import empty_database  # noqa: F401 - a fixture
from tests.components.tiny_models import png
from tests.pipeline.consumers import make_consumed
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.components.registry import promotion
from tfx_contrastive.contract.errors import NotFoundError, RegistryError
from tfx_contrastive.pipeline.cli.search import search_command as search
from tfx_contrastive.pipeline.runs.model_choice import EMBEDDINGS, INDEX, STATISTICS, choose

EVERYTHING = (INDEX, EMBEDDINGS, STATISTICS)


@pytest.fixture(scope="module")
def consumed(tmp_path_factory: pytest.TempPathFactory, empty_database: Any) -> Any:  # noqa: F811
    """Run r1 made the champion; r2 made another model, which the Evaluator refused."""
    made = make_consumed(tmp_path_factory.mktemp("consumed"), empty_database)
    made.record_run("r1", 0, blessed=True)
    made.record_run("r2", 1, blessed=False)
    return made


def folder(consumed: Any, number: Any) -> Any:
    return str(pathlib.Path(consumed.made[number].index_uri).parent)


def test_the_champion_is_chosen_though_a_newer_run_was_refused(consumed: Any) -> None:
    choice = choose(consumed.config, EVERYTHING)
    assert str(choice) == "version 1, the champion"
    assert choice.values() == {
        "version": 1,
        "champion": True,
        "blessed": True,
        "run": "r1",
        "description": "version 1, the champion",
    }
    assert choice.made == {
        INDEX: consumed.made[0].index_uri,
        EMBEDDINGS: f"{folder(consumed, 0)}/embeddings",
        STATISTICS: f"{folder(consumed, 0)}/statistics",
    }
    assert ServedModel(choice.model_dir).fingerprint == ServedModel(consumed.made[0].model_dir).fingerprint


@pytest.mark.parametrize("run", ["r2", "latest"])
def test_a_refused_run_can_be_named_and_is_called_so(consumed: Any, run: Any) -> None:
    choice = choose(consumed.config, EVERYTHING, run=run)
    assert (choice.version, choice.champion, choice.blessed, choice.run) == (None, False, False, "r2")
    assert str(choice) == "the model of run r2, NOT blessed: refused by Evaluator, not in the registry"
    assert choice.made[INDEX] == consumed.made[1].index_uri


def test_the_run_of_the_champion_is_the_champion(consumed: Any) -> None:
    choice = choose(consumed.config, (INDEX,), run="r1")
    assert str(choice) == "version 1, the champion"


def test_what_is_not_there_is_told_with_what_is(consumed: Any) -> None:
    with pytest.raises(LookupError, match="has no run r9. Known runs: r2, r1."):
        choose(consumed.config, (INDEX,), run="r9")
    with pytest.raises(RegistryError, match="There is no version 7. Known versions: 1."):
        choose(consumed.config, (INDEX,), version="7")
    with pytest.raises(RegistryError, match="No version is challenger yet. Known versions: 1."):
        choose(consumed.config, (INDEX,), version="challenger")
    with pytest.raises(RegistryError, match="Received the version 'new'; expected a number, champion or"):
        choose(consumed.config, (INDEX,), version="new")


def test_search_answers_by_the_champion_and_names_it(consumed: Any, tmp_path: pathlib.Path) -> None:
    query = tmp_path / "query.png"
    query.write_bytes(png(consumed.made[0].images[8]))
    arguments = [str(query), "--json", "--k", "3", "--sheet", str(tmp_path / "sheet.png"), *consumed.options]

    def answer(*named: Any) -> Any:
        done = CliRunner().invoke(search, [*arguments, *named])
        assert done.exit_code == 0, done.output
        return json.loads(done.output)

    by_default, by_run = answer(), answer("--run", "latest")
    named = answer("--index", consumed.made[0].index_uri)
    assert by_default["model"]["description"] == "version 1, the champion"
    assert by_run["model"]["blessed"] is False
    assert by_default["results"] == named["results"]
    assert by_default["results"] != by_run["results"]
    assert named["model"]["version"] is None


def test_a_newer_index_of_the_same_model_is_taken_and_another_models_index_never(consumed: Any) -> None:
    champion, other = folder(consumed, 0), folder(consumed, 1)
    runs = consumed.runs
    newer = f"{champion}/newer"
    runs.add("r3", "EmbeddingGen", {"embeddings": (f"{newer}/embeddings", {})}, {"model": champion})
    runs.add("r3", "SimilarityIndexGen", {"similarity_index": (newer, {})})
    runs.add("r4", "EmbeddingGen", {"embeddings": (f"{other}/embeddings-2", {})}, {"model": other})
    runs.add("r4", "SimilarityIndexGen", {"similarity_index": (f"{other}/index-2", {})})
    assert choose(consumed.config, (INDEX,)).made[INDEX] == newer


@pytest.fixture
def fresh(tmp_path: pathlib.Path, empty_database: Any) -> Any:  # noqa: F811
    return make_consumed(tmp_path, empty_database)


def test_without_a_blessed_run_one_sentence_names_the_way_out(fresh: Any) -> None:
    with pytest.raises(LookupError, match="Pipeline digits has no run yet"):
        choose(fresh.config, (INDEX,))
    fresh.record_run("r1", 1, blessed=False)
    with pytest.raises(LookupError) as told:
        choose(fresh.config, (INDEX,))
    assert told.value.args[0] == (
        "digits has no champion yet. Verdict on the newest run, r1: NOT blessed: refused by Evaluator. "
        "To use that run's model anyway: --run latest."
    )


def test_a_registry_that_was_removed_is_told_and_its_runs_can_be_named(fresh: Any) -> None:
    fresh.record_run("r1", 0, blessed=True)
    shutil.rmtree(f"{fresh.config.root}/registry/models")
    with pytest.raises(RegistryError, match=r"The directory of version 1, .*, does not exist\. Restore "):
        choose(fresh.config, (INDEX,))
    shutil.rmtree(f"{fresh.config.root}/registry")
    with pytest.raises(NotFoundError, match="no champion, although run r1 registered version 1: ") as told:
        choose(fresh.config, (INDEX,))
    assert told.value.remedy == "run --set baseline.reset_token=again"
    choice = choose(fresh.config, (INDEX,), run="latest")
    assert (choice.run, choice.champion, choice.made[INDEX]) == ("r1", False, fresh.made[0].index_uri)


def test_a_version_without_an_index_takes_one_of_the_same_encoder_only(fresh: Any) -> None:
    fresh.record_run("r1", 0, blessed=True)
    fresh.register("gone", 1)  # its run is not in this metadata
    with pytest.raises(LookupError, match="Version 2 has no similarity index: its run gone did not"):
        choose(fresh.config, (INDEX,))
    fresh.record_run("r2", 1, blessed=False)  # the same encoder in another run
    choice = choose(fresh.config, (INDEX,))
    assert (str(choice), choice.made[INDEX]) == ("version 2, the champion", fresh.made[1].index_uri)


def test_a_forced_champion_says_that_no_gate_blessed_it(fresh: Any) -> None:
    fresh.record_run("r1", 0, blessed=True)
    version = fresh.register("r2", 1)
    fresh.registry._client().set_model_version_tag("digits", str(version), "blessed", "false")
    promotion.rollback(fresh.registry, "me", "")
    promotion.promote(fresh.registry, version, "me", "the old one is worse", force=True)
    fresh.record_run("r2", 1, blessed=False)
    assert str(choose(fresh.config, (INDEX,))) == "version 2, the champion, NOT blessed: refused by a gate"
    assert str(choose(fresh.config, (INDEX,), version="1")) == "version 1, not the champion, blessed"

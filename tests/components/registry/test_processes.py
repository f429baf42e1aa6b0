"""Real processes: kills in the middle of a promotion, promotions at the same time, a consumer meanwhile."""

import pathlib

import pytest

from benchmarks.registry import kill_pushes, push, start, variants
from tfx_contrastive.components.model.directory import complete_versions
from tfx_contrastive.components.registry.interface import CHAMPION
from tfx_contrastive.components.registry.mlflow_backend import MlflowRegistry
from tfx_contrastive.components.registry.store import digest_of


@pytest.mark.slow
@pytest.mark.timeout(1_800)  # much slower on a busy machine
def test_kills_at_random_moments_never_show_a_consumer_a_broken_champion(
    directory: str, models: list[str], tmp_path: pathlib.Path
) -> None:
    """Five kills; `python -m benchmarks registry` makes twenty."""
    serving = str(tmp_path / "serving")
    models = variants(models[0], tmp_path / "models", 8)
    outcome = kill_pushes(directory, serving, models, seed=2026)
    assert outcome.problems == []
    assert outcome.killed >= 2
    assert outcome.loaded >= 2
    registry = MlflowRegistry("clothes", directory)
    champion = registry.alias(CHAMPION)
    assert champion is not None
    assert digest_of(registry.fetch(champion)) == digest_of(models[-1])
    digests = [version.digest for version in registry.versions()]
    assert sorted(digests) == sorted(set(digests))
    events = registry.events()
    assert [event.previous for event in events] == [None, *(event.version for event in events[:-1])]
    assert events[-1].version == champion
    served = complete_versions(serving)[0]
    assert digest_of(served.path) == digest_of(models[-1])


@pytest.mark.slow
def test_two_promotions_at_once_end_in_one_of_the_two(
    directory: str, models: list[str], tmp_path: pathlib.Path
) -> None:
    serving = str(tmp_path / "serving")
    for _ in range(3):
        processes = [start(push, directory, serving, model) for model in models[:2]]
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0]
        registry = MlflowRegistry("clothes", directory)
        champion = registry.alias(CHAMPION)
        events = registry.events()
        assert events[-1].version == champion
        assert [event.previous for event in events] == [None, *(event.version for event in events[:-1])]
        assert len(registry.versions()) == 2
        served = complete_versions(serving)[0]
        assert digest_of(served.path) == digest_of(registry.fetch(champion))


@pytest.mark.slow
def test_one_model_registered_by_two_processes_is_one_version(
    directory: str, models: list[str], tmp_path: pathlib.Path
) -> None:
    processes = [start(push, directory, str(tmp_path / "serving"), models[0]) for _ in range(2)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    registry = MlflowRegistry("clothes", directory)
    assert [version.number for version in registry.versions()] == [1]
    assert len(registry.events()) == 1

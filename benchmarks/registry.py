"""Kills in the midst of push and promotion, and the time of a rollback, with the model of a finished run.

    make run
    python -m benchmarks.registry [ROOT]    # ROOT: runs/fashion-mnist

Bars: a consumer that polls all the while meets no error and no mix in 20 kills; a rollback takes less than
5 s after start-up, and the consumer gets the former version.
"""

import pathlib
import subprocess
import sys
import tempfile
import time

from tests.components.registry.conftest import record_of
from tests.components.registry.kills import kill_pushes, variants
from tfx_contrastive.components.model.directory import complete_versions
from tfx_contrastive.components.registry import commands, promotion
from tfx_contrastive.components.registry.config import RegistryConfig
from tfx_contrastive.components.registry.interface import CHAMPION
from tfx_contrastive.components.registry.mlflow_backend import MlflowRegistry
from tfx_contrastive.components.registry.store import digest_of
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runs.lineage import Lineage
from tfx_contrastive.pipeline.runs.metadata import connection_config

_KILLS = 20


def main(root: str = "") -> None:
    """Prints the rows of the table."""
    config = load_config("fashion_mnist", [f"root={root}"] if root else [])
    run = Lineage(connection_config(config), config.name).run()
    model = f"{run.node('Trainer').output('model').uri}/Format-Serving"
    with tempfile.TemporaryDirectory() as scratch:
        models = variants(model, pathlib.Path(scratch), _KILLS + 3)
        kill_row(models, f"{scratch}/registry", f"{scratch}/serving")
        rollback_rows(models, f"{scratch}/root")


def kill_row(models: list[str], directory: str, serving: str) -> None:
    """Kills pushes."""
    outcome = kill_pushes(directory, serving, models, seed=0)
    registry = MlflowRegistry("clothes", directory)
    champion = digest_of(registry.fetch(registry.alias(CHAMPION)))
    served = digest_of(complete_versions(serving)[0].path)
    print(
        f"| {outcome.killed} kills in {_KILLS} pushes, {outcome.promoted} after the alias had moved | "
        f"{outcome.polls:,} polls, {outcome.loaded} models loaded, {len(outcome.problems)} problems | none |"
    )
    print("\n".join(outcome.problems), end="")
    whole = champion == served == digest_of(models[-1])
    print(
        f"| champion and served after the next push | {'that model' if whole else 'ANOTHER'} | that model |"
    )


def rollback_rows(models: list[str], root: str) -> None:
    """Times a rollback: within a process that has started, and as the command that a person types."""
    location = commands.RegistryLocation(
        RegistryConfig(), "fashion-mnist", f"{root}/registry", f"{root}/serving/fashion-mnist"
    )
    registry = commands.open_registry(location)
    for model in models[:3]:
        number = registry.register(model, record_of(model)).number
        promotion.promote(registry, number, "benchmark", "newer", location.serving_dir)
    started = time.monotonic()
    commands.rollback_model(location, "benchmark", "worse")
    seconds = time.monotonic() - started
    print(
        f"| rollback after start-up | {seconds:.2f} s, {_served(location, models[1])} | under 5 s |",
        flush=True,
    )
    started = time.monotonic()
    program = [sys.executable, "-m", "tfx_contrastive.pipeline.cli.main", "models", "rollback"]
    command = [*program, "--config", "fashion_mnist", "--set", f"root={root}"]
    subprocess.run([*command, "--reason", "worse still"], check=True, capture_output=True)
    seconds = time.monotonic() - started
    print(
        f"| the whole command, start-up included | {seconds:.2f} s, {_served(location, models[0])} | |",
        flush=True,
    )


def _served(location: commands.RegistryLocation, expected: str) -> str:
    served = complete_versions(location.serving_dir)[0].path
    return "the former version is served" if digest_of(served) == digest_of(expected) else "ANOTHER IS SERVED"


if __name__ == "__main__":
    main(*sys.argv[1:2])

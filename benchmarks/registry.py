"""Registry: pushes killed at random moments, and the time of a rollback, with the model of a finished run.

    make run
    python -m benchmarks.registry [ROOT]    # default: runs/fashion-mnist

Bars: in 20 kills, a consumer that keeps polling meets no error and no mix of two models; a rollback takes
    less
than 5 s after start-up, and the consumer then gets the former version.
"""

import dataclasses
import multiprocessing
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

from benchmarks.prepared import finished_run, output_uri
from tfx_contrastive.components.model.directory import complete_versions
from tfx_contrastive.components.registry import commands, promotion
from tfx_contrastive.components.registry.config import RegistryConfig
from tfx_contrastive.components.registry.interface import CHAMPION, VersionRecord
from tfx_contrastive.components.registry.mlflow_backend import MlflowRegistry
from tfx_contrastive.components.registry.store import digest_of, read_record

# The processes are forked from a clean server that has done the slow imports: neither SQLite connections nor
# TensorFlow's threads survive a fork.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "tensorflow",
        "mlflow.tensorflow",
        "mlflow.store.model_registry.sqlalchemy_store",
        __name__,
    ]
)
_PATIENCE_SECONDS = 300  # on a busy machine
_KILLS = 20


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The outcome for the consumer and the registry.

    Attributes:
        killed: Number of pushes that were killed before they ended.
        promoted: Number of killed pushes whose model is in the history, as they were killed after the
            promotion.
        polls: Number of times that the consumer read alias and served directory.
        loaded: Number of models that the consumer loaded and called.
        problems: Errors of the consumer and mixes of two models that it found; none are expected.
    """

    killed: int
    promoted: int
    polls: int
    loaded: int
    problems: list[str]


def push(directory: str, serving: str, model: str, begun: Any = None) -> None:
    """Register a model and promote it, as RegistryPusher does."""
    registry = MlflowRegistry("clothes", directory)
    if begun is not None:
        begun.set()
    number = registry.register(model, record_of(model)).number
    promotion.promote(registry, number, f"process {os.getpid()}", "test", serving)


def consume(directory: str, serving: str, stop: Any, problems: Any, polls: Any, loads: Any) -> None:
    """Poll the champion and the served directory; load every new model."""
    import tensorflow as tf

    registry = MlflowRegistry("clothes", directory)
    loaded = set()
    try:
        while not stop.is_set():
            number = registry.alias(CHAMPION)
            served = complete_versions(serving)
            paths = [served[0].path] if served else []
            if number is not None:
                path = registry.fetch(number)
                if digest_of(path) != read_record(path).digest:
                    problems.put(f"version {number} is a mix")
                paths.append(path)
            for path in paths:
                if path not in loaded:
                    classify = tf.saved_model.load(path).signatures["classify_bytes"]
                    (argument,) = classify.structured_input_signature[1]
                    classify(**{argument: tf.constant([], tf.string)})
                    loaded.add(path)
            with polls.get_lock():
                polls.value += 1
                loads.value = len(loaded)
            stop.wait(0.02)
    except Exception:  # noqa: BLE001 reported by the parent process
        problems.put(traceback.format_exc())


def start(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Run a function in a new process."""
    process = _context.Process(target=target, args=arguments)
    process.start()
    return process


def start_push(directory: str, serving: str, model: str) -> tuple[BaseProcess, float]:
    """Start a push in a new process; return it with the time at which it opened the registry."""
    opened = _context.Event()
    process = start(push, directory, serving, model, opened)
    assert opened.wait(_PATIENCE_SECONDS)
    return process, time.monotonic()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds; fail with `what` after `_PATIENCE_SECONDS`."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def variants(model: str, folder: pathlib.Path, count: int) -> list[str]:
    """Make copies of a model that differ in one file, and therefore in their digest."""
    for number in range(count):
        shutil.copytree(model, folder / str(number))
        (folder / str(number) / "assets").mkdir(exist_ok=True)
        (folder / str(number) / "assets" / "number.txt").write_text(str(number))
    return [str(folder / str(number)) for number in range(count)]


def kill_pushes(directory: str, serving: str, models: Sequence[str], seed: int) -> Outcome:
    """Push two models, kill the pushes of all others but one at random moments, and push the last one.

    Args:
        directory: Directory of an empty embedded registry.
        serving: Served directory.
        models: Directories of four or more different models.
        seed: Seed of the moments, which are uniform over the duration of a push.

    Returns:
        The outcome. The caller checks the contents of the registry.
    """
    moments = random.Random(seed)
    push(directory, serving, models[0])
    process, begun = start_push(directory, serving, models[1])
    process.join()
    duration = time.monotonic() - begun
    stop, problems = _context.Event(), _context.Queue()
    polls, loads = _context.Value("i", 0), _context.Value("i", 0)
    consumer = start(consume, directory, serving, stop, problems, polls, loads)
    wait_for(lambda: polls.value > 0 or not problems.empty(), "the consumer never got the champion")
    killed = []
    for model in models[2:-1]:
        process, _ = start_push(directory, serving, model)
        process.join(moments.uniform(0.0, duration))
        if process.is_alive():
            process.kill()
            killed.append(digest_of(model))
        process.join()
    last = start(push, directory, serving, models[-1])
    last.join()
    assert last.exitcode == 0, "the push after the kills failed"
    seen = polls.value
    wait_for(lambda: polls.value > seen or not problems.empty(), "the consumer stopped polling")
    stop.set()
    consumer.join()
    found = []
    while not problems.empty():
        found.append(problems.get())
    registry = MlflowRegistry("clothes", directory)
    champions = {event.version for event in registry.events()}
    promoted = [v for v in registry.versions() if v.digest in killed and v.number in champions]
    return Outcome(len(killed), len(promoted), polls.value, loads.value, found)


def record_of(model: str) -> VersionRecord:
    """Return a record that blesses a model."""
    return VersionRecord(digest_of(model), True, {}, f"# Card of {model}\n")


def main(root: str = "") -> None:
    """Print the rows of the table."""
    _, run = finished_run(root)
    model = f"{output_uri(run, 'Trainer', 'model')}/Format-Serving"
    with tempfile.TemporaryDirectory() as scratch:
        models = variants(model, pathlib.Path(scratch), _KILLS + 3)
        kill_row(models, f"{scratch}/registry", f"{scratch}/serving")
        rollback_rows(models, f"{scratch}/root")


def kill_row(models: list[str], directory: str, serving: str) -> None:
    """Print the rows about killed pushes."""
    outcome = kill_pushes(directory, serving, models, seed=0)
    registry = MlflowRegistry("clothes", directory)
    champion = digest_of(registry.fetch(registry.alias(CHAMPION) or 0))
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
    """Print the time of a rollback: in a running process, and as a command with its start-up."""
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
    served = complete_versions(location.serving_dir or "")[0].path
    return "the former version is served" if digest_of(served) == digest_of(expected) else "ANOTHER IS SERVED"


if __name__ == "__main__":
    main(*sys.argv[1:2])

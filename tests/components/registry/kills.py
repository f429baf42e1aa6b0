"""Pushes killed at random moments while a consumer polls the champion: for a test and a benchmark."""

import dataclasses
import multiprocessing
import os
import random
import shutil
import signal
import time
import traceback

from tests.components.registry.conftest import record_of
from tfx_contrastive.components.model.directory import complete_versions
from tfx_contrastive.components.registry import promotion
from tfx_contrastive.components.registry.interface import CHAMPION
from tfx_contrastive.components.registry.mlflow_backend import MlflowRegistry
from tfx_contrastive.components.registry.store import digest_of, read_record

# A clean parent of all processes, with the slow imports done: neither SQLite connections nor
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


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What the consumer and the registry came to.

    Attributes:
        killed: Pushes that were killed before they had ended by themselves.
        promoted: Killed pushes whose model is in the history all the same: the kill came after the alias.
        polls: Times that the consumer looked at alias and served directory.
        loaded: Models that it loaded and called.
        problems: What it met: errors, mixes; none expected.
    """

    killed: int
    promoted: int
    polls: int
    loaded: int
    problems: list


def push(directory, serving, model, begun=None):
    """Registers a model and promotes it, as RegistryPusher does."""
    registry = MlflowRegistry("clothes", directory)
    if begun is not None:
        begun.set()
    number = registry.register(model, record_of(model)).number
    promotion.promote(registry, number, f"process {os.getpid()}", "test", serving)


def consume(directory, serving, stop, problems, polls, loads):
    """Polls the champion and the served directory; loads every model that it has not seen."""
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
    except Exception:
        problems.put(traceback.format_exc())


def start(target, *arguments):
    """Runs a function in a process of its own."""
    process = _context.Process(target=target, args=arguments)
    process.start()
    return process


def start_push(directory, serving, model):
    """A push in a process of its own; returns with the moment at which it has opened the registry."""
    opened = _context.Event()
    process = start(push, directory, serving, model, opened)
    assert opened.wait(_PATIENCE_SECONDS)
    return process, time.monotonic()


def wait_for(condition, what):
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def variants(model, folder, count):
    """Copies of a model that differ in one file, and so in their digest."""
    for number in range(count):
        shutil.copytree(model, folder / str(number))
        (folder / str(number) / "assets").mkdir(exist_ok=True)
        (folder / str(number) / "assets" / "number.txt").write_text(str(number))
    return [str(folder / str(number)) for number in range(count)]


def kill_pushes(directory, serving, models, seed):
    """Pushes two models, kills the push of each of the others but one at a random moment, pushes the last.

    Args:
        directory: Of an empty embedded registry.
        serving: Served directory.
        models: Directories of models, four at least, all different.
        seed: Of the moments, which are spread evenly over the time that a whole push takes.

    Returns:
        The outcome. What the registry holds is for the caller to check.
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
            os.kill(process.pid, signal.SIGKILL)
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

"""Real processes: kills in the middle of a promotion, promotions at the same time, a consumer meanwhile."""

import multiprocessing
import os
import random
import shutil
import signal
import time
import traceback

import pytest

from components import serving_directory
from components.registry import promotion
from components.registry.interface import CHAMPION
from components.registry.mlflow_registry import MlflowRegistry
from components.registry.model_store import digest_of, read_record
from tests.components.registry.conftest import record_of

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


def push(directory, serving, model, begun=None):
    """Registers a model and promotes it, as RegistryPusher does."""
    registry = MlflowRegistry("clothes", directory)
    if begun is not None:
        begun.set()
    number = registry.register(model, record_of(model)).number
    promotion.promote(registry, number, f"process {os.getpid()}", "test", serving)


def consume(directory, serving, stop, problems, polls):
    """Polls the champion and the served directory; loads every model that it has not seen."""
    import tensorflow as tf

    registry = MlflowRegistry("clothes", directory)
    loaded = set()
    try:
        while not stop.is_set():
            number = registry.alias(CHAMPION)
            served = serving_directory.complete_versions(serving)
            paths = [served[0].path] if served else []
            if number is not None:
                path = registry.fetch(number)
                if digest_of(path) != read_record(path).digest:
                    problems.put(f"version {number} is a mix")
                paths.append(path)
            for path in paths:
                if path not in loaded:
                    tf.saved_model.load(path).signatures["classify_bytes"](image=tf.constant([b"x"]))
                    loaded.add(path)
            with polls.get_lock():
                polls.value += 1
            stop.wait(0.02)
    except Exception:
        problems.put(traceback.format_exc())


def variants(model, folder, count):
    """Copies of a model that differ in one file, and so in their digest."""
    for number in range(count):
        shutil.copytree(model, folder / str(number))
        (folder / str(number) / "assets").mkdir(exist_ok=True)
        (folder / str(number) / "assets" / "number.txt").write_text(str(number))
    return [str(folder / str(number)) for number in range(count)]


def start(target, *arguments):
    process = _context.Process(target=target, args=arguments)
    process.start()
    return process


def wait_for(condition, what, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.timeout(1_800)  # twenty processes: much slower on a busy machine
def test_kills_at_random_moments_never_show_a_consumer_a_broken_champion(directory, models, tmp_path):
    serving, moments = str(tmp_path / "serving"), random.Random(2026)
    models = variants(models[0], tmp_path / "models", 24)
    push(directory, serving, models[0])
    begun = time.monotonic()
    push(directory, serving, models[1])
    duration = time.monotonic() - begun

    stop, problems, polls = _context.Event(), _context.Queue(), _context.Value("i", 0)
    consumer = start(consume, directory, serving, stop, problems, polls)
    wait_for(lambda: polls.value > 0 or not problems.empty(), "the consumer never got the champion")
    killed = 0
    for model in models[2:22]:
        opened = _context.Event()
        process = start(push, directory, serving, model, opened)
        assert opened.wait(300)
        process.join(moments.uniform(0.0, duration))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join()
    last = start(push, directory, serving, models[23])
    last.join()
    registry = MlflowRegistry("clothes", directory)
    champion = registry.alias(CHAMPION)
    seen = polls.value
    wait_for(lambda: polls.value > seen or not problems.empty(), "the consumer stopped polling")
    stop.set()
    consumer.join()

    assert problems.empty(), problems.get()
    assert killed >= 10
    assert last.exitcode == 0
    assert digest_of(registry.fetch(champion)) == digest_of(models[23])
    digests = [version.digest for version in registry.versions()]
    assert sorted(digests) == sorted(set(digests))
    events = registry.events()
    assert [event.previous for event in events] == [None, *(event.version for event in events[:-1])]
    assert events[-1].version == champion
    served = serving_directory.complete_versions(serving)[0]
    assert digest_of(served.path) == digest_of(models[23])


@pytest.mark.slow
def test_two_promotions_at_once_end_in_one_of_the_two(directory, models, tmp_path):
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
        served = serving_directory.complete_versions(serving)[0]
        assert digest_of(served.path) == digest_of(registry.fetch(champion))


@pytest.mark.slow
def test_one_model_registered_by_two_processes_is_one_version(directory, models, tmp_path):
    processes = [start(push, directory, str(tmp_path / "serving"), models[0]) for _ in range(2)]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    registry = MlflowRegistry("clothes", directory)
    assert [version.number for version in registry.versions()] == [1]
    assert len(registry.events()) == 1

"""A run on a difficult source: interrupted, killed, and the same command again each time."""

import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn import datasets

from tests.pipeline.command import tfx_contrastive
from tfx_contrastive.pipeline.cli import terminal
from tfx_contrastive.pipeline.config import load_config
from tfx_contrastive.pipeline.runs.lineage import Lineage
from tfx_contrastive.pipeline.runs.metadata import connection_config
from tfx_contrastive.trainer_module.config import PretrainConfig
from tfx_contrastive.trainer_module.dataset import ImageFiles
from tfx_contrastive.trainer_module.pretrain import stage as pretraining

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("killed"),
]

NAMES = {0: "shoes / größe 42", 1: "日本 語", 2: "it's 100%"}
CONFIG = """
name: difficult
root: {root}
data: {{source: {{kind: csv_manifest, path: {folder}/manifest.csv}}}}
image: {{height: 8, width: 8, channels: 1}}
pretrain: {{num_steps: 300, batch_size: 128, checkpoint_every: 100, log_every: 10}}
evaluation: {{min_accuracy: 0.5}}
"""


def write_difficult_source(folder: pathlib.Path) -> None:
    """Digits with odd labels, 1 % damaged, a tiny and a huge image, and no image of class 9 in eval."""
    folder.mkdir()
    rows = ["path,label,split"]
    data = datasets.load_digits()
    for index, (image, target) in enumerate(zip(data.images[:600], data.target, strict=False)):
        split = "train" if index < 400 else "eval" if index < 500 else "test"
        if split == "eval" and target == 9:
            split = "train"
        rows.append(f"{index}.png,{NAMES.get(target, f'class {target}')},{split}")
        Image.fromarray(np.rint(image * (255 / 16)).astype(np.uint8)).save(folder / f"{index}.png")
    for index in range(0, 600, 100):
        damaged = folder / f"{index}.png"
        damaged.write_bytes(damaged.read_bytes()[:40])
    Image.new("L", (1, 1), 7).save(folder / "tiny.png")
    Image.fromarray(np.tile(np.arange(250, dtype=np.uint8), (9000, 48))).save(folder / "huge.png")
    rows += ["tiny.png,class 3,train", "huge.png,class 3,train"]
    (folder / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")


def run_of(name: str) -> Any:
    config = load_config(name)
    return Lineage(connection_config(config), config.name).run()


def wait_for(condition: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def loss_curve(log_dir: Any) -> Any:
    """Step -> loss; a step that stands twice fails."""
    found = [
        (event.step, float(tf.make_ndarray(value.tensor)))
        for path in sorted(pathlib.Path(log_dir).iterdir())
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == "pretrain/loss"
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


@dataclasses.dataclass(frozen=True)
class Story:
    """What happened on one root: a run that got SIGINT, the same one killed, the same one to its end.

    Attributes:
        name: Path of the configuration.
        root: The root.
        interrupted: What the first command printed; `status_interrupted`: `status` after it.
        status_running: `status` while the second one ran; `refused`: another `run` at that time.
        status_killed: `status` after the second was killed.
        printed: What the third command printed.
    """

    name: str
    root: pathlib.Path
    interrupted: str
    status_interrupted: str
    status_running: str
    refused: subprocess.CompletedProcess[str]
    status_killed: str
    printed: str


@contextlib.contextmanager
def running(config: Any, printed: Any) -> Iterator[Any]:
    """The command `run` in a process of its own."""
    command = [sys.executable, "-m", "tfx_contrastive.pipeline.cli.main", "run", "--config", str(config)]
    with printed.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as in a terminal
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def child_of(process: Any) -> Any:
    (child,) = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return child


def status(config: Any) -> Any:
    done = tfx_contrastive("status", "--config", str(config))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("killed")
    root, printed = folder / "root", folder / "printed"
    write_difficult_source(folder / "images")
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(root=root, folder=folder / "images"), encoding="utf-8")

    def reached(process: Any, text: str, number_of_logs: Any) -> None:
        def look() -> Any:
            logs = sorted(root.glob("logs/*"))
            return len(logs) == number_of_logs and text in logs[-1].read_text(errors="replace")

        wait_for(lambda: process.poll() is not None or look(), 400)
        assert process.poll() is None, printed.read_text()

    with running(config, printed) as first:
        reached(first, "pretraining step 10 of 300", 1)
        child = child_of(first)
        first.send_signal(signal.SIGINT)
        assert first.wait(120) == 130, printed.read_text()
        assert not pathlib.Path(f"/proc/{child}").exists()
    interrupted, status_interrupted = printed.read_text(), status(config)
    (folder / "images" / "1.png").touch()  # no other content: the cache still counts

    with running(config, printed) as second:
        reached(second, "pretraining has a checkpoint of step 100 of 300", 2)
        child = child_of(second)
        # No more time, so that it can't have come much further when it is killed.
        os.kill(int(child), signal.SIGSTOP)
        status_running = status(config)
        refused = tfx_contrastive("run", "--config", str(config))
        # Harder than killing the whole group: nothing but the kernel tells the child.
        os.kill(second.pid, signal.SIGKILL)
        second.wait()
        wait_for(lambda: not pathlib.Path(f"/proc/{child}").exists(), 10)
    status_killed = status(config)

    last = tfx_contrastive("run", "--config", str(config))
    assert last.returncode in (0, terminal.REFUSED), last.stdout + last.stderr
    return Story(
        str(config),
        root,
        interrupted,
        status_interrupted,
        status_running,
        refused,
        status_killed,
        last.stdout,
    )


def test_an_interrupted_run_says_what_is_kept_and_keeps_its_word(story: Any) -> None:
    pattern = r"Interrupted \(SIGINT\)\. Finished and kept: (.*?)\. (.*), with\n  (.*)\n"
    told = re.search(pattern, story.interrupted)
    assert told, story.interrupted
    assert told[1].split(", ")[0] == "ImageExampleGen"
    assert told[3].endswith(f"run --config {story.name}")
    found = re.fullmatch(r"Pretrainer continues at step (\d+) of 300", told[2])
    assert found is not None
    step = int(found[1])
    assert 10 <= step < 100  # before the first checkpoint by steps
    assert story.status_interrupted.splitlines()[0].endswith(": interrupted")
    assert re.search(r"Pretrainer +interrupted", story.status_interrupted)
    assert f"Pretrainer continues at step {step} of 300" in story.status_interrupted
    second = sorted((story.root / "logs").iterdir())[1].read_text()
    assert f"pretraining goes on at step {step} of 300" in second


def test_status_tells_a_running_run_from_a_dead_one(story: Any) -> None:
    assert story.status_running.splitlines()[0].endswith(": running")
    assert re.search(r"running: +process \d+ on ", story.status_running)
    assert story.status_killed.splitlines()[0].endswith(": interrupted")
    assert "interrupted: its process has ended" in story.status_killed
    assert re.search(r"Pretrainer continues at step \d+ of 300", story.status_killed)
    assert story.refused.returncode == 1
    assert re.search(rf"Another run uses {story.root} \(process \d+ on .*\)", story.refused.stderr)


def test_training_goes_on_at_the_last_checkpoint(story: Any) -> None:
    logs = [path.read_text() for path in sorted((story.root / "logs").iterdir())]
    assert len(logs) == 3
    assert "pretraining step 100 of 300" in logs[1]
    assert "pretraining step 300 of 300" not in logs[1]
    found = re.search(r"Pretrainer continues at step (\d+) of 300", story.status_killed)
    assert found is not None
    step = found[1]
    assert int(step) >= 100
    assert f"pretraining goes on at step {step} of 300" in logs[2]
    assert "pretraining step 100 of 300" not in logs[2]
    for node in ("ImageExampleGen", "StatisticsGen", "Transform"):
        assert f"{node:<20} cached" in story.printed
    config = load_config(story.name)
    runs = Lineage(connection_config(config), config.name).runs()
    assert [run.state for run in runs] == ["ran", "interrupted", "interrupted"]


def test_its_loss_curve_is_that_of_an_unbroken_run(story: Any, tmp_path: pathlib.Path) -> None:
    config = load_config(story.name)
    pretrainer = run_of(story.name).node("Pretrainer")
    examples = pretrainer.inputs["examples"][0].uri
    pretraining.run(
        files=ImageFiles(
            train=[f"{examples}/Split-train/*", f"{examples}/Split-eval/*"],
            evaluation=(),
            transform_dir=pretrainer.inputs["transform_graph"][0].uri,
        ),
        config=PretrainConfig.model_validate(config.pretrain.model_dump()),
        serving=config.serving,
        checkpoint_root=str(tmp_path / "checkpoints"),
        model_dir=str(tmp_path / "model"),
        log_dir=str(tmp_path / "logs"),
    )
    unbroken = loss_curve(tmp_path / "logs")
    resumed = loss_curve(f"{pretrainer.output('model_run').uri}/logs")
    assert sorted(unbroken) == sorted(resumed) == list(range(10, 301, 10))
    for step, loss in unbroken.items():
        assert resumed[step] == pytest.approx(loss, abs=1e-3), step


def test_what_is_odd_about_the_source_is_told(story: Any) -> None:
    printed = story.printed
    assert "set aside       8 (blank 1, over_pixel_limit 1, truncated 6): " in printed
    assert "eval has no image of 'class 9', so its figures say nothing about this class" in printed
    assert "Warning" not in printed
    assert "Traceback" not in printed


def test_odd_labels_come_back_from_the_exported_model(story: Any) -> None:
    model = run_of(story.name).node("Trainer").output("model")
    classify = tf.saved_model.load(f"{model.uri}/Format-Serving").signatures["classify_bytes"]
    data = datasets.load_digits()
    pictures = np.rint(data.images[:50, ..., None] * (255 / 16)).astype(np.uint8)
    answers = classify(tf.stack([tf.io.encode_png(picture) for picture in pictures]))
    labels = [label.decode() for label in answers["label"].numpy()]
    expected = [NAMES.get(target, f"class {target}") for target in data.target[:50]]
    assert np.mean([label == name for label, name in zip(labels, expected, strict=True)]) > 0.9


def test_images_that_change_places_are_ingested_again(story: Any) -> None:
    """The last test: the newest run is one that was stopped."""
    folder, printed = story.root.parent / "images", story.root.parent / "printed"
    ones, others = folder / "1.png", folder / "2.png"
    times = [(path.stat().st_atime_ns, path.stat().st_mtime_ns) for path in (ones, others)]
    data = [path.read_bytes() for path in (ones, others)]
    for path, content, time_of in zip((ones, others), reversed(data), times, strict=True):
        path.write_bytes(content)
        os.utime(path, ns=time_of)
    with running(story.name, printed) as process:
        wait_for(lambda: process.poll() is not None or "ImageExampleGen  " in printed.read_text(), 400)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 143
    assert re.search(r"ImageExampleGen +ran", printed.read_text())
    assert "Interrupted (SIGTERM). Finished and kept: ImageExampleGen" in printed.read_text()

"""A run on a difficult source, killed in the middle of pretraining, and the same command again."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn import datasets

from pipeline.config import load_config
from pipeline.lineage import Lineage
from pipeline.metadata import connection_config
from tests.pipeline.command import tfx_contrastive
from trainer_module.config import PretrainConfig
from trainer_module.pretrain import run as pretraining

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
pretrain: {{num_steps: 300, batch_size: 128, checkpoint_every: 50, log_every: 10}}
evaluation: {{min_accuracy: 0.5}}
"""


def write_difficult_source(folder):
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


def run_of(name):
    config = load_config(name)
    return Lineage(connection_config(config), config.name).run()


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def loss_curve(log_dir):
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


@pytest.fixture(scope="module")
def killed_and_resumed(tmp_path_factory):
    """The configuration's path, its root, and what the second command printed."""
    folder = tmp_path_factory.mktemp("killed")
    root = folder / "root"
    write_difficult_source(folder / "images")
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(root=root, folder=folder / "images"), encoding="utf-8")
    command = [sys.executable, "-m", "pipeline.cli.main", "run", "--config", str(config)]
    with (folder / "printed").open("wb") as printed:
        first = subprocess.Popen(command, stdout=printed, stderr=printed, start_new_session=True)
    wait_for(lambda: first.poll() is not None or list(root.glob("checkpoints/*/*/ckpt-100.index")), 300)
    assert first.poll() is None, (folder / "printed").read_text()
    (child,) = pathlib.Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    # Harder than killing the whole group: nothing but the kernel tells the child.
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    wait_for(lambda: not pathlib.Path(f"/proc/{child}").exists(), 10)
    resumed = tfx_contrastive("run", "--config", str(config))
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    return str(config), root, resumed.stdout


def test_training_goes_on_at_the_last_checkpoint(killed_and_resumed):
    name, root, printed = killed_and_resumed
    first, second = (path.read_text() for path in sorted((root / "logs").iterdir()))
    assert "pretraining step 100 of 300" in first
    assert "pretraining step 300 of 300" not in first
    assert "pretraining goes on at step" in second
    assert "pretraining step 50 of 300" not in second
    for node in ("ImageExampleGen", "StatisticsGen", "Transform"):
        assert f"{node:<20} cached" in printed
    config = load_config(name)
    resumed, killed = Lineage(connection_config(config), config.name).runs()
    assert (resumed.state, killed.state) == ("ran", "cancelled")


def test_its_loss_curve_is_that_of_an_unbroken_run(killed_and_resumed, tmp_path):
    name, _, _ = killed_and_resumed
    config = load_config(name)
    pretrainer = run_of(name).node("Pretrainer")
    examples = pretrainer.inputs["examples"][0].uri
    pretraining.run(
        files=[f"{examples}/Split-train/*", f"{examples}/Split-eval/*"],
        transform_dir=pretrainer.inputs["transform_graph"][0].uri,
        config=PretrainConfig.model_validate(config.pretrain.model_dump()),
        eval_files=(),
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


def test_what_is_odd_about_the_source_is_told(killed_and_resumed):
    _, _, printed = killed_and_resumed
    assert "set aside       8 (blank 1, over_pixel_limit 1, truncated 6): " in printed
    assert "eval has no image of 'class 9': its figures say nothing of this class" in printed
    assert "Warning" not in printed
    assert "Traceback" not in printed


def test_odd_labels_come_back_from_the_exported_model(killed_and_resumed):
    model = run_of(killed_and_resumed[0]).node("Trainer").output("model")
    classify = tf.saved_model.load(f"{model.uri}/Format-Serving").signatures["classify_bytes"]
    data = datasets.load_digits()
    pictures = np.rint(data.images[:50, ..., None] * (255 / 16)).astype(np.uint8)
    answers = classify(tf.stack([tf.io.encode_png(picture) for picture in pictures]))
    labels = [label.decode() for label in answers["label"].numpy()]
    expected = [NAMES.get(target, f"class {target}") for target in data.target[:50]]
    assert np.mean([label == name for label, name in zip(labels, expected, strict=True)]) > 0.9

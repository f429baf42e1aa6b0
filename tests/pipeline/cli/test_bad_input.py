"""What a user is told at once of a configuration or a source that can't be used."""

import os
import pathlib
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from sklearn import datasets

from tfx_contrastive.pipeline.cli.main import cli

CONFIG = """
name: mine
root: {root}
data: {{source: {{kind: image_folder, path: {images}}}}}
image: {{height: 8, width: 8, channels: 1}}
"""


def validate(tmp_path: pathlib.Path, *overrides: Any) -> Result:
    config = tmp_path / "mine.yaml"
    config.write_text(CONFIG.format(root=tmp_path / "root", images=tmp_path / "images"), encoding="utf-8")
    sets = [argument for override in overrides for argument in ("--set", override)]
    return CliRunner().invoke(cli, ["validate", "--config", str(config), *sets])


def put(folder: pathlib.Path, names: Any) -> None:
    """Digits as PNG files of these names, the n-th digit under the n-th name."""
    pictures = datasets.load_digits().images
    for picture, name in zip(pictures, names, strict=False):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(picture * (255 / 16)).astype(np.uint8)).save(path)


def refused(result: Result) -> str:
    """Return the message of a refusal; nothing else may be printed."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.output.startswith("Error: ")
    return result.output


def test_an_empty_folder(tmp_path: pathlib.Path) -> None:
    (tmp_path / "images" / "a").mkdir(parents=True)
    assert "which holds no file; expected images in one sub-directory for each class" in refused(
        validate(tmp_path)
    )


def test_one_class_only(tmp_path: pathlib.Path) -> None:
    put(tmp_path, ["seven/1.png", "seven/2.png"])
    text = refused(validate(tmp_path))
    assert "labels of one class only ('seven'); expected two classes or more" in text
    assert "move these to unlabeled/" in text


def test_no_label_says_that_there_will_be_no_classifier(tmp_path: pathlib.Path) -> None:
    put(tmp_path, [f"unlabeled/{i}.png" for i in range(5)])
    result = validate(tmp_path)
    assert result.exit_code == 0
    assert "5 images, 0 of them labeled" in result.output
    assert "the run ends with an encoder, there is no classifier to train" in result.output


def test_too_few_labels_for_the_splits(tmp_path: pathlib.Path) -> None:
    put(tmp_path, ["a/1.png", "b/1.png", "b/2.png", *(f"unlabeled/{i}.png" for i in range(20))])
    text = refused(validate(tmp_path))
    assert "None of the 3 labeled images (2 classes, 1 to 2 per class) is left for the split eval" in text
    assert "Label more images" in text


def test_a_class_absent_from_train(tmp_path: pathlib.Path) -> None:
    put(tmp_path, [f"{split}/{name}/{split}.png" for split in ("train", "eval", "test") for name in "ab"])
    put(tmp_path, ["eval/c/1.png"])
    assert "1 of 3 classes in eval or test, but none in train: 'c'" in refused(validate(tmp_path))


def test_a_class_absent_from_eval_is_a_warning(tmp_path: pathlib.Path) -> None:
    put(tmp_path, [f"{split}/{name}/{split}.png" for split in ("train", "eval", "test") for name in "ab"])
    put(tmp_path, ["train/c/1.png", "test/c/2.png"])
    result = validate(tmp_path)
    assert result.exit_code == 0
    assert "warning: eval has no image of 'c', so its figures say nothing about this class" in result.output


def test_odd_labels_are_shown_as_they_are(tmp_path: pathlib.Path) -> None:
    put(tmp_path, [f"{name}/{i}.png" for name in ("größe 42, rot", "日本 語", '100% "x"') for i in range(9)])
    result = validate(tmp_path)
    assert result.exit_code == 0
    assert 'split by hash: 100% "x" 9, größe 42, rot 9, 日本 語 9' in result.output


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("pretrain.num_stepz=3", "pretrain.num_stepz: unknown key. Did you mean num_steps?"),
        ("pretrain.num_steps=many", "pretrain.num_steps: received 'many', expected a valid integer"),
        ("pretrain.optimizer.learning_rate=.inf", "learning_rate: received inf, expected a finite number."),
        ("pretrain.optimizer.learning_rate=.nan", "learning_rate: received nan, expected a finite number."),
        ("data.source.path=/no/such/folder", "the image folder /no/such/folder, which does not exist"),
        ("name=my_shoes", "for example my-shoes"),
        ("root=gs://bucket/runs", "a run on this machine needs a local directory"),
        ("root=/proc/version", "The root /proc/version can't be written (Not a directory)"),
    ],
)
def test_a_mistake_in_the_configuration(tmp_path: pathlib.Path, override: str, told: str) -> None:
    put(tmp_path, ["a/1.png", "a/2.png", "a/3.png", "b/1.png", "b/2.png"])
    assert told in refused(validate(tmp_path, override))


def test_a_configuration_that_is_not_there() -> None:
    result = CliRunner().invoke(cli, ["run", "--config", "shoos.yaml"])
    assert "There is no configuration 'shoos.yaml'. Give the path of a YAML file" in refused(result)


def test_nothing_is_written_by_a_check(tmp_path: pathlib.Path) -> None:
    put(tmp_path, [f"{name}/{i}.png" for name in "ab" for i in range(5)])
    assert validate(tmp_path).exit_code == 0
    assert sorted(os.listdir(tmp_path)) == ["images", "mine.yaml"]

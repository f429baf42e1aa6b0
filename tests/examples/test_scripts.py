"""The scripts of `examples/`, run as a reader runs them."""

import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def output_of(script: str, *arguments: object) -> str:
    command = [sys.executable, str(EXAMPLES / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_short_and_in_the_list(script: pathlib.Path) -> None:
    assert len(script.read_text().splitlines()) <= 60
    assert f"`{script.name}`" in (EXAMPLES / "README.md").read_text()


def test_a_source_is_surveyed(tmp_path: pathlib.Path) -> None:
    for label, shade in (("cat", 10), ("dog", 200)):
        (tmp_path / label).mkdir()
        for number in range(12):
            pixels = np.full((8, 8), shade, np.uint8)
            pixels[number % 8, number // 8] = 99
            Image.fromarray(pixels).save(tmp_path / label / f"{number}.png")
    (tmp_path / "cat" / "bad.png").write_bytes(b"no image")
    lines = output_of("survey_source.py", tmp_path).splitlines()
    assert lines[:4] == [
        "25 images, 25 of them labeled",
        "  any split  cat: 13",
        "  any split  dog: 12",
        "4.0% of 25 images would be set aside",
    ]
    assert lines[4].startswith("  not_an_image: 1, such as cat/bad.png (")


@pytest.mark.slow
def test_an_encoder_is_pretrained_on_an_array() -> None:
    printed = output_of("pretrain_numpy.py", "--steps", 30)
    features, pixels = map(float, re.findall(r"kNN accuracy (0\.\d+)", printed))
    assert features > 0.7
    assert pixels > 0.9


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.xdist_group("digits")
def test_a_folder_is_searched_with_the_pushed_model(digits: tuple[str, str], tmp_path: pathlib.Path) -> None:
    (model,) = sorted(pathlib.Path(digits[0], "serving", "digits").iterdir())[:1]
    for number, image in enumerate(load_digits().images[:40]):
        Image.fromarray((image * 15).astype(np.uint8)).save(tmp_path / f"{number}.png")
    printed = output_of("search_folder.py", model, tmp_path / "7.png", tmp_path, "--k", 3)
    similarity, name = printed.splitlines()[0].split()
    assert name == "7.png"
    assert float(similarity) == pytest.approx(1, abs=1e-3)
    assert len(printed.splitlines()) == 3

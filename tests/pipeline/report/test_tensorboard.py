"""A real TensorBoard on the directory that a run leaves behind, asked over HTTP as a browser asks it."""

import io
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from typing import Any

import pytest
from PIL import Image

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("digits")]
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is this machine


class Board:
    """A running TensorBoard."""

    def __init__(self, url: Any) -> None:
        self._url = url

    def get(self, path: Any, **parameters: Any) -> Any:
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        with _OPENER.open(f"{self._url}data/{path}{query}", timeout=60) as answer:
            return answer.read()

    def json(self, path: Any, **parameters: Any) -> Any:
        return json.loads(self.get(path, **parameters))

    def wait(self, path: Any, key: Any, seconds: Any = 60) -> Any:
        """What a plugin has, as soon as there is such a key: logs are read in the background."""
        end = time.monotonic() + seconds
        while True:
            found = self.json(path)
            if any(each.endswith(key) for each in found):
                return found
            assert time.monotonic() < end, f"{path} has no {key} after {seconds} s, only {list(found)}"
            time.sleep(0.2)


@pytest.fixture(scope="module")
def board(digits: tuple[str, str]) -> Any:
    # As the README says it; only the port is any free one.
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", f"{digits[0]}/tensorboard"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--host", "127.0.0.1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        lines = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if found := re.search(r"http://\S+:\d+/", line):
                break
        else:
            pytest.fail("TensorBoard ended: " + "".join(lines))
        yield Board(found[0])
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def run(digits: tuple[str, str]) -> Any:
    """The oldest run of the root, as TensorBoard names it."""
    return sorted(path.name for path in pathlib.Path(digits[0], "tensorboard").iterdir())[0]


def test_it_has_the_scalars_of_pretraining(board: Any, run: Any) -> None:
    tags = board.wait("plugin/scalars/tags", f"{run}/Pretrainer")[f"{run}/Pretrainer"]
    assert {"pretrain/loss", "pretrain/contrastive_accuracy", "pretrain/effective_rank"} <= set(tags)
    points = board.json("plugin/scalars/scalars", run=f"{run}/Pretrainer", tag="pretrain/loss")
    steps = [step for _, step, _ in points]
    assert steps == sorted(set(steps))
    assert points[-1][2] < points[0][2]


def test_it_has_the_views_as_images(board: Any, run: Any) -> None:
    tags = board.wait("plugin/images/tags", f"{run}/views")[f"{run}/views"]
    ((tag, _),) = tags.items()
    images = board.json("plugin/images/images", run=f"{run}/views", tag=tag, sample=0)
    picture = Image.open(io.BytesIO(board.get(f"plugin/images/individualImage?{images[0]['query']}")))
    assert picture.size == (3 * 8, 8)  # the image and two views, of digits of 8x8


def test_its_projector_has_every_image_with_a_thumbnail(board: Any, run: Any) -> None:
    name = f"{run}/projector"
    end = time.monotonic() + 60
    while name not in board.json("plugin/projector/runs"):
        assert time.monotonic() < end
        time.sleep(0.2)
    (embedding,) = board.json("plugin/projector/info", run=name)["embeddings"]
    count, width = embedding["tensorShape"]
    assert count == 185
    which = {"run": name, "name": embedding["tensorName"]}
    rows = board.get("plugin/projector/metadata", **which).decode().splitlines()
    assert len(rows) == count + 1
    assert rows[0].split("\t") == ["label", "predicted", "mistake", "source"]
    assert len(board.get("plugin/projector/tensor", **which)) == 4 * count * width
    sprite = Image.open(io.BytesIO(board.get("plugin/projector/sprite_image", **which)))
    side = embedding["sprite"]["singleImageDim"][0]
    assert sprite.size == (14 * side, 14 * side)  # 14 squared is the first above 185

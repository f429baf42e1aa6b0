"""One root over three days: classes come and go, a model is refused, and `serve` follows the champion.

One chain of runs in a process each, as a user types them, because every assertion is about what came before.
"""

import json
import pathlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.consumers.http.server import Server
from tests.pipeline.command import tfx_contrastive
from tfx_contrastive.components.model.served import ServedModel
from tfx_contrastive.pipeline.cli.terminal import REFUSED

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# What a picture shows, by class and day; on day 3 circles are called discs.
DAYS = {
    1: {"circle": "circle", "square": "square", "triangle": "triangle"},
    2: {"circle": "circle", "square": "square", "triangle": "triangle", "cross": "cross"},
    3: {"disc": "circle", "square": "square", "triangle": "triangle", "cross": "cross"},
}
CONFIG = {
    "name": "shapes",
    "image": {"height": 8, "width": 8, "channels": 1},
    "pretrain": {"num_steps": 20, "batch_size": 32},
    "head": {"mode": "linear_probe"},
    "representation_gate": {
        "min_effective_rank": None,
        "min_embedding_std": None,
        "max_uniformity": None,
        "min_knn_gain": None,
        "min_linear_probe_gain": None,
        "num_twins": 1,
    },
    "evaluation": {
        "min_accuracy": 0.0,
        "min_gain_over_majority": None,
        "min_adjusted_balanced_accuracy": None,
        "max_accuracy_drop": 1.0,
    },
}


def picture(shape: Any, seed: Any) -> Any:
    """A shape in the middle of noise, uint8 [8, 8]."""
    rows, columns = np.mgrid[:8, :8] - 3.5
    inside = {
        "circle": np.hypot(rows, columns) < 3.2,
        "square": np.maximum(abs(rows), abs(columns)) < 3,
        "triangle": (abs(columns) * 2 < rows + 4) & (rows < 3),
        "cross": (abs(rows) < 1) | (abs(columns) < 1),
    }[shape]
    noise = np.random.default_rng([seed, len(shape)]).integers(0, 60, (8, 8))
    return np.uint8(150 * inside + noise)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("days")
    for day, classes in DAYS.items():
        for name, shape in classes.items():
            folder = root / f"day{day}" / name
            folder.mkdir(parents=True)
            for seed in range(30):
                Image.fromarray(picture(shape, seed)).save(folder / f"{seed}.png")
    empty = root / "day2" / "star"  # its only file is no image: no class
    empty.mkdir()
    (empty / "0.png").write_bytes(b"not an image")
    source = {"kind": "image_folder", "path": str(root / "day1")}
    data = {"source": source, "max_bad_fraction": 0.1}
    (root / "shapes.yaml").write_text(json.dumps({**CONFIG, "root": str(root / "runs"), "data": data}))
    return root


def command(root: Any, *arguments: Any) -> Any:
    return tfx_contrastive(*arguments, "--config", root / "shapes.yaml", timeout=1500)


def run_day(root: Any, day: Any, *overrides: Any) -> Any:
    sets = (part for text in (f"data.source.path={root}/day{day}", *overrides) for part in ("--set", text))
    done = command(root, "run", *sets)
    assert "Traceback" not in done.stdout + done.stderr
    return done


def probabilities_of_version(root: Any, version: Any, image: Any) -> Any:
    """By class, of the registry's own copy of a version."""
    done = command(root, "models", "show", str(version), "--json")
    assert done.returncode == 0, done.stderr
    classes = ServedModel(json.loads(done.stdout)["model_dir"]).classify([image])
    return dict(zip(classes.names, classes.probabilities[0].tolist(), strict=True))


@pytest.mark.timeout(3000)
def test_three_days_in_one_root(root: Any) -> None:
    image = (root / "day1" / "square" / "0.png").read_bytes()
    query, sheet = str(root / "day1" / "square" / "0.png"), str(root / "sheet.png")

    def searched(*named: Any) -> Any:
        done = command(root, "search", query, "--k", "3", "--json", "--sheet", sheet, *named)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["model"]

    before = command(root, "search", query)
    assert before.returncode == 1
    assert "Pipeline shapes has no run yet" in before.stderr

    first = run_day(root, 1)
    assert first.returncode == 0, first.stdout + first.stderr
    server = Server(root / "serve.txt", "--config", root / "shapes.yaml")
    try:
        server.wait("version 1, the champion")
        assert server.printed.read_text().startswith("Serving version 1, the champion, ")
        answer = server.ask("/v1/classify", image)
        assert list(answer["probabilities"]) == ["circle", "square", "triangle"]
        expected = probabilities_of_version(root, 1, image)
        assert answer["probabilities"] == pytest.approx(expected, rel=1e-4)

        refused = run_day(root, 2, "evaluation.max_expected_calibration_error=0.0")
        assert refused.returncode == REFUSED, refused.stdout + refused.stderr
        assert (
            "NOT blessed: refused by Evaluator\nreason          expected_calibration_error is "
            in refused.stdout
        )
        assert "No usable image of 'star' is left" in refused.stdout
        assert "new: 'cross', compared with the model in use" in refused.stdout
        assert server.ask("/v1/health")["model"]["description"] == "version 1, the champion"
        assert searched()["description"] == "version 1, the champion"
        by_run = searched("--run", "latest")
        assert (by_run["version"], by_run["champion"], by_run["blessed"]) == (None, False, False)
        assert by_run["description"].endswith("NOT blessed: refused by Evaluator, not in the registry")

        third = run_day(root, 3)
        assert third.returncode == 0, third.stdout + third.stderr
        assert "new: 'cross', 'disc'; removed: 'circle', compared with" in third.stdout
        server.wait("version 2, the champion")
        answer = server.ask("/v1/classify", image)
        assert list(answer["probabilities"]) == ["cross", "disc", "square", "triangle"]
        assert answer["model"]["version"] == 2
        assert answer["probabilities"] == pytest.approx(probabilities_of_version(root, 2, image), rel=1e-4)

        back = command(root, "models", "rollback", "--to", "1", "--reason", "the old names are wanted")
        assert back.returncode == 0, back.stderr
        server.wait("version 1, the champion")
        answer = server.ask("/v1/classify", image)
        assert answer["probabilities"] == pytest.approx(expected, rel=1e-4)
        assert searched("--version", "2")["description"] == "version 2, not the champion, blessed"
        unknown = command(root, "search", query, "--version", "9")
        assert unknown.returncode == 1
        assert "There is no version 9. Known versions: 2, 1." in unknown.stderr
    finally:
        server.stop()
    reports = sorted(pathlib.Path(root, "runs", "reports").glob("*.html"))
    assert len(reports) == 3
    assert "removed classes: &#39;circle&#39;" in reports[2].read_text()

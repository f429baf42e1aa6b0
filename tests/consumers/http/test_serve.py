"""`serve` through the program: it serves the champion, and follows a promotion and a rollback."""

import json
import pathlib

import pytest

from tests.components.registry.conftest import empty_database  # noqa: F401 - a fixture
from tests.components.tiny_models import png
from tests.consumers.http.server import Server
from tests.pipeline.command import tfx_contrastive
from tests.pipeline.consumers import make_consumed
from tfx_contrastive.components.model.served import ServedModel

pytestmark = pytest.mark.slow


def test_serve_answers_by_the_champion_and_follows_it(
    tmp_path: pathlib.Path,
    empty_database: pathlib.Path,  # noqa: F811
) -> None:
    made = make_consumed(tmp_path, empty_database)
    made.record_run("r1", 0, blessed=True)
    made.record_run("r2", 1, blessed=False)
    image = png(made.made[0].images[5])
    first, second = (
        dict(zip(found.names, found.probabilities[0].tolist(), strict=True))
        for found in (ServedModel(each.model_dir).classify([image]) for each in made.made)
    )
    assert first != pytest.approx(second, rel=1e-3)

    server = Server(tmp_path / "printed.txt", *made.options)
    try:
        server.wait("version 1, the champion")
        line = server.printed.read_text().partition("\n")[0]
        assert line.startswith("Serving version 1, the champion, 120 images on http://127.0.0.1:")
        assert server.ask("/v1/classify", image)["probabilities"] == pytest.approx(first, rel=1e-5)

        made.record_run("r3", 1, blessed=True)  # becomes champion while `serve` runs
        health = server.wait("version 2, the champion")
        assert health["following"] == {"follows": "the champion", "champion": 2, "error": None}
        answer = server.ask("/v1/classify", image)
        assert answer["probabilities"] == pytest.approx(second, rel=1e-5)
        assert answer["model"]["version"] == 2

        back = tfx_contrastive("models", "rollback", *made.options, "--reason", "complaints")
        assert back.returncode == 0, back.stderr
        server.wait("version 1, the champion")
        assert server.ask("/v1/classify", image)["probabilities"] == pytest.approx(first, rel=1e-5)
        assert server.ask("/v1/search?k=1", image)["model"]["version"] == 1
    finally:
        server.stop()
    printed = server.printed.read_text()
    assert "Serving version 2, the champion from now on\n" in printed
    assert "Traceback" not in printed

    (tmp_path / "query.png").write_bytes(image)
    query = (tmp_path / "query.png", "--json", "--sheet", tmp_path / "sheet.png")
    named = tfx_contrastive("search", *query, "--version", "2", *made.options)
    assert json.loads(named.stdout)["model"]["description"] == "version 2, not the champion, blessed"

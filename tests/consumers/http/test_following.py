"""The endpoint follows the champion of a registry, with real indexes and models."""

import asyncio
import dataclasses
import pathlib
import time
from collections.abc import Iterator
from typing import Any, cast

import httpx
import numpy as np
import pytest

from tests.components.similarity_index_gen.conftest import make_index
from tests.components.tiny_models import png, random_kernel
from tests.consumers.http.endpoint import CHAMPION, Held, call_app, serving
from tfx_contrastive.consumers.http.app import Limits, create_app
from tfx_contrastive.consumers.http.following import Served
from tfx_contrastive.consumers.search import ImageSearch
from tfx_contrastive.pipeline.runs.model_choice import INDEX, ModelChoice


class Registry:
    """A champion that a test moves, and the model and index of each version."""

    def __init__(self, *indexes: Any) -> None:
        self.champion = 1
        self.indexes = dict(enumerate(indexes, 1))

    def choose(self) -> Any:
        if self.champion not in self.indexes:
            raise LookupError(f"Version {self.champion} has no index.")
        indexed = self.indexes[self.champion]
        made = {INDEX: indexed.index_uri}
        return ModelChoice(self.champion, True, True, (), f"r{self.champion}", indexed.model_dir, made)

    def ask(self) -> Any:
        if isinstance(self.champion, Exception):
            raise self.champion
        return self.champion


def until(condition: Any, seconds: Any = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def followed(search: Any, indexed: Any, tmp_path: pathlib.Path) -> Iterator[Any]:
    """A registry with two versions, and an app that follows it; the second has another encoder."""
    registry = Registry(indexed, make_index(tmp_path, random_kernel(77)))
    told: list[str] = []
    served = serving(search)
    served.follow(registry.ask, registry.choose, told.append, seconds=0.02)
    yield registry, served, create_app(served, Limits()), told
    served.stop()


def test_a_promotion_and_a_rollback_are_followed_without_a_restart(followed: Any, indexed: Any) -> None:
    registry, served, app, told = followed
    image = png(indexed.images[5])

    def answers() -> Any:
        return [call_app(app, path, content=image).json() for path in ("/v1/classify", "/v1/search?k=3")]

    before = answers()
    registry.champion = 2
    until(lambda: served.current.choice.version == 2)
    after = answers()
    assert [answer["model"]["version"] for answer in (*before, *after)] == [1, 1, 2, 2]
    expected = ImageSearch.open(registry.indexes[2].index_uri)
    np.testing.assert_allclose(
        list(after[0]["probabilities"].values()), expected.model.classify([image]).probabilities[0], rtol=1e-6
    )
    assert before[0]["probabilities"] != after[0]["probabilities"]
    assert [n["similarity"] for n in after[1]["neighbors"]] == [
        pytest.approx(n.similarity, rel=1e-6) for n in expected.neighbors([image], 3)[0]
    ]
    registry.champion = 1
    until(lambda: served.current.choice.version == 1)
    assert answers() == before
    assert told == [
        "Serving version 2, the champion from now on",
        "Serving version 1, the champion from now on",
    ]


def test_what_cannot_be_loaded_changes_nothing_and_health_says_so(followed: Any, indexed: Any) -> None:
    registry, served, app, told = followed
    image = png(indexed.images[5])
    before = call_app(app, "/v1/classify", content=image).json()
    registry.champion = 3
    until(lambda: served.values()["error"])
    health = call_app(app, "/v1/health", method="GET").json()
    assert health["following"] == {
        "follows": "the champion",
        "champion": 3,
        "error": "Version 3, the champion, can't be loaded: Version 3 has no index. "
        "Still serving version 1, not the champion, blessed.",
    }
    assert health["model"]["champion"] is False
    after = call_app(app, "/v1/classify", content=image).json()
    assert after["probabilities"] == before["probabilities"]
    assert after["model"]["description"] == "version 1, not the champion, blessed"
    registry.indexes[3] = registry.indexes[2]  # its index is there now: the next attempt finds it
    until(lambda: served.current.choice.version == 3)
    until(lambda: served.values() == {"follows": "the champion", "champion": 3, "error": None})
    assert len(told) == 2


def test_an_index_of_another_encoder_is_never_joined_to_the_new_champion(followed: Any) -> None:
    registry, served, _, _ = followed
    registry.indexes[4] = dataclasses.replace(registry.indexes[1], model_dir=registry.indexes[2].model_dir)
    registry.champion = 4
    until(lambda: served.values()["error"])
    assert "similarities between them mean nothing" in served.values()["error"]
    assert served.current.choice.version == 1


def test_a_registry_that_does_not_answer_is_told_and_asked_again(followed: Any) -> None:
    registry, served, _, told = followed
    registry.champion = OSError("the server is down")
    until(lambda: served.values()["error"])
    assert served.values()["error"] == "The registry can't be asked who is champion: the server is down"
    assert served.current.choice.champion
    registry.champion = 1
    until(lambda: served.values()["error"] is None)
    assert len(told) == 1


def test_a_request_under_way_ends_on_the_model_that_it_began_with(
    followed: Any, search: Any, indexed: Any
) -> None:
    registry, served, app, _ = followed
    held = Held(search)
    served.current = Served(cast(ImageSearch, held), CHAMPION)

    async def requests() -> Any:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            slow = asyncio.create_task(client.post("/v1/search", content=png(indexed.images[0])))
            await asyncio.to_thread(held.started.acquire, timeout=30)
            registry.champion = 2
            await asyncio.to_thread(until, lambda: served.current.choice.version == 2)
            held.release.set()
            return (await slow).json()

    answer = asyncio.run(requests())
    assert (answer["neighbors"], answer["model"]["version"]) == ([], 1)

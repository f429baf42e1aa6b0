"""The endpoint over HTTP, with a real index and model."""

import asyncio
import dataclasses
import io
import pathlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.components.similarity_index_gen.conftest import make_index
from tests.components.tiny_models import image_id, png, random_kernel, save_model
from tfx_contrastive.consumers.http.app import Limits, create_app
from tfx_contrastive.consumers.http.following import Served, Serving
from tfx_contrastive.consumers.search import ImageSearch
from tfx_contrastive.pipeline.runs.model_choice import INDEX, ModelChoice


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_index(tmp_path_factory.mktemp("indexed"))


@pytest.fixture(scope="module")
def search(indexed: Any) -> Any:
    return ImageSearch.open(indexed.index_uri)


CHAMPION = ModelChoice(1, True, True, (), "r1", "", {})
NAMED = {
    "version": 1,
    "champion": True,
    "blessed": True,
    "run": "r1",
    "description": "version 1, the champion",
}


def serving(search: Any, choice: Any = CHAMPION) -> Any:
    return Serving(Served(search, choice))


def call(search: Any, path: Any, limits: Any = None, method: Any = "POST", **request: Any) -> Any:
    return call_app(create_app(serving(search), limits or Limits()), path, method, **request)


def call_app(app: Any, path: Any, method: Any = "POST", **request: Any) -> Any:
    async def send() -> Any:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())


def test_search_answers_neighbors(search: Any, indexed: Any) -> None:
    answer = call(search, "/v1/search?k=3", content=png(indexed.images[5]))
    assert answer.status_code == 200
    (expected,) = search.neighbors([png(indexed.images[5])], 3)
    found = answer.json()["neighbors"]
    assert [each["image_id"] for each in found] == [each.image_id for each in expected]
    assert found[0]["image_id"] == image_id(indexed.images[5])
    assert set(found[0]) >= {"similarity", "source", "split", "label"}
    assert answer.json()["model"] == NAMED


def test_search_takes_a_label(search: Any, indexed: Any) -> None:
    answer = call(search, "/v1/search", params={"k": 2, "label": "digit 3"}, content=png(indexed.images[0]))
    assert [each["label"] for each in answer.json()["neighbors"]] == ["digit 3", "digit 3"]


def test_classify_answers_probabilities(search: Any, indexed: Any) -> None:
    answer = call(search, "/v1/classify", content=png(indexed.images[5])).json()
    classes = search.model.classify([png(indexed.images[5])])
    assert answer["label"] == classes.labels[0]
    np.testing.assert_allclose(list(answer["probabilities"].values()), classes.probabilities[0], rtol=1e-6)
    assert list(answer["probabilities"]) == ["even", "odd"]
    assert answer["model"] == NAMED


@pytest.mark.parametrize(
    ("image_format", "options"), [("WEBP", {"lossless": True}), ("TIFF", {}), ("GIF", {"transparency": 255})]
)
def test_an_upload_of_another_form_is_answered_as_its_pixels_are(
    search: Any, indexed: Any, image_format: Any, options: Any
) -> None:
    pixels = np.minimum(indexed.images[5], 254).astype(np.uint8)
    upload = io.BytesIO()
    Image.fromarray(np.squeeze(pixels)).save(upload, image_format, **options)
    for path in ("/v1/search?k=3", "/v1/classify"):
        expected = call(search, path, content=png(pixels)).json()
        assert call(search, path, content=upload.getvalue()).json() == expected


def test_what_the_upload_is_instead_is_told(search: Any) -> None:
    answer = call(search, "/v1/classify", content=b"%PDF-1.7 and so on")
    assert (answer.status_code, "a PDF document: draw its pages" in answer.json()["detail"]) == (415, True)


def test_an_encoder_has_no_classes(indexed: Any, tmp_path: pathlib.Path) -> None:
    from tests.components.similarity_index_gen.conftest import KERNEL

    search = ImageSearch.open(indexed.index_uri, save_model(tmp_path / "model", KERNEL))
    answer = call(search, "/v1/classify", content=png(indexed.images[0]))
    assert answer.status_code == 404
    assert "trained without labels" in answer.json()["detail"]


def test_health_says_what_is_served(search: Any) -> None:
    answer = call(search, "/v1/health", method="GET").json()
    assert answer["encoder_fingerprint"] == search.model.fingerprint
    assert answer["index"] == {
        "kind": "exact",
        "num_images": 120,
        "recall": 1.0,
        "whitened": False,
    }
    assert answer["classifies"] is True
    assert answer["model"] == NAMED
    assert answer["following"] == {"follows": "nothing: this model was named", "error": None}


def large_png() -> Any:
    buffer = io.BytesIO()
    Image.new("L", (300, 300)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("path", "content", "status", "detail"),
    [
        ("/v1/search", b"", 415, "The body can't be read as an image"),
        ("/v1/search", b"garbage", 415, "The body can't be read as an image"),
        ("/v1/classify", b"garbage", 415, "The body can't be read as an image"),
        ("/v1/search", b"x" * 5000, 413, "larger than 4,000 bytes"),
        ("/v1/search", large_png(), 413, "300x300 pixels; at most 10,000"),
        ("/v1/search?label=zebra", None, 422, "no indexed image has it"),
        ("/v1/search", "truncated", 415, "can't be decoded"),
    ],
)
def test_what_is_wrong_is_told(
    search: Any, indexed: Any, path: Any, content: Any, status: Any, detail: Any
) -> None:
    image = png(indexed.images[0])
    body = {None: image, "truncated": image[:60]}.get(content, content)
    answer = call(search, path, Limits(max_bytes=4_000, max_pixels=10_000), content=body)
    assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), answer.text


@pytest.mark.parametrize("k", ["0", "1001", "many"])
def test_a_wrong_k_is_refused(search: Any, indexed: Any, k: Any) -> None:
    assert call(search, f"/v1/search?k={k}", content=png(indexed.images[0])).status_code == 422


class Held:
    """A search that answers only when it is released."""

    def __init__(self, search: Any) -> None:
        self.index, self.model = search.index, search.model
        self.started, self.release = threading.Semaphore(0), threading.Event()

    def neighbors(self, *_: Any) -> Any:
        self.started.release()
        self.release.wait(30)
        return [[]]


def test_a_slow_answer_ends_in_time_and_keeps_its_place_until_it_ends(search: Any, indexed: Any) -> None:
    held = Held(search)
    image = png(indexed.images[0])

    async def requests() -> Any:
        transport = httpx.ASGITransport(create_app(serving(held), Limits(seconds=0.3, in_flight=1)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            begun = time.monotonic()
            slow = await client.post("/v1/search", content=image)
            seconds = time.monotonic() - begun
            turned_away = await client.post("/v1/search", content=image)
            held.release.set()
            deadline = time.monotonic() + 20
            served = turned_away
            while served.status_code == 503 and time.monotonic() < deadline:
                await asyncio.sleep(0)  # the transport never waits: let the loop see the end
                served = await client.post("/v1/search", content=image)
            return slow, seconds, turned_away, served

    slow, seconds, turned_away, served = asyncio.run(requests())
    assert slow.status_code == 504
    assert seconds < 10
    assert turned_away.status_code == 503
    assert turned_away.headers["Retry-After"] == "1"
    assert served.status_code == 200


def test_a_body_that_never_ends_is_cut_off(search: Any) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1000

    assert call(search, "/v1/search", Limits(max_bytes=10_000), content=endless()).status_code == 413


def test_a_body_that_dawdles_is_cut_off(search: Any) -> None:
    async def dawdling() -> AsyncIterator[bytes]:
        yield b"\x89PNG"
        await asyncio.Event().wait()

    assert call(search, "/v1/search", Limits(seconds=0.2), content=dawdling()).status_code == 504


class Registry:
    """A champion that a test moves, and what there is to load of each version."""

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

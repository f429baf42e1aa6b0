"""The endpoint over HTTP, with a real index and model."""

import asyncio
import io
import threading
import time

import httpx
import numpy as np
import pytest
from PIL import Image

from components.similarity_index_gen.search import ImageSearch
from pipeline.http_api import Limits, create_app
from tests.components.similarity_index_gen.conftest import make_index
from tests.components.tiny_models import image_id, png, save_model


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("indexed"))


@pytest.fixture(scope="module")
def search(indexed):
    return ImageSearch.open(indexed.index_uri)


def call(search, path, limits=None, method="POST", **request):
    async def send():
        transport = httpx.ASGITransport(create_app(search, limits or Limits()))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())


def test_search_answers_neighbors(search, indexed):
    answer = call(search, "/v1/search?k=3", content=png(indexed.images[5]))
    assert answer.status_code == 200
    (expected,) = search.neighbors([png(indexed.images[5])], 3)
    found = answer.json()["neighbors"]
    assert [each["image_id"] for each in found] == [each.image_id for each in expected]
    assert found[0]["image_id"] == image_id(indexed.images[5])
    assert set(found[0]) >= {"similarity", "source", "split", "label"}


def test_search_takes_a_label(search, indexed):
    answer = call(search, "/v1/search", params={"k": 2, "label": "digit 3"}, content=png(indexed.images[0]))
    assert [each["label"] for each in answer.json()["neighbors"]] == ["digit 3", "digit 3"]


def test_classify_answers_probabilities(search, indexed):
    answer = call(search, "/v1/classify", content=png(indexed.images[5])).json()
    classes = search.model.classify([png(indexed.images[5])])
    assert answer["label"] == classes.labels[0]
    np.testing.assert_allclose(list(answer["probabilities"].values()), classes.probabilities[0], rtol=1e-6)
    assert list(answer["probabilities"]) == ["even", "odd"]


def test_an_encoder_has_no_classes(indexed, tmp_path):
    from tests.components.similarity_index_gen.conftest import KERNEL

    search = ImageSearch.open(indexed.index_uri, save_model(tmp_path / "model", KERNEL))
    answer = call(search, "/v1/classify", content=png(indexed.images[0]))
    assert answer.status_code == 404
    assert "trained without labels" in answer.json()["detail"]


def test_health_says_what_is_served(search):
    answer = call(search, "/v1/health", method="GET").json()
    assert answer["encoder_fingerprint"] == search.model.fingerprint
    assert answer["index"] == {"kind": "exact", "num_images": 120, "recall": 1.0}
    assert answer["classifies"] is True


def large_png():
    buffer = io.BytesIO()
    Image.new("L", (300, 300)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("path", "content", "status", "detail"),
    [
        ("/v1/search", b"", 415, "The body is no image"),
        ("/v1/search", b"garbage", 415, "The body is no image"),
        ("/v1/classify", b"garbage", 415, "The body is no image"),
        ("/v1/search", b"x" * 5000, 413, "larger than 4,000 bytes"),
        ("/v1/search", large_png(), 413, "300x300 pixels; at most 10,000"),
        ("/v1/search?label=zebra", None, 422, "no indexed image has it"),
        ("/v1/search", "truncated", 415, "can't be decoded"),
    ],
)
def test_what_is_wrong_is_told(search, indexed, path, content, status, detail):
    image = png(indexed.images[0])
    body = {None: image, "truncated": image[:60]}.get(content, content)
    answer = call(search, path, Limits(max_bytes=4_000, max_pixels=10_000), content=body)
    assert (answer.status_code, detail in answer.json()["detail"]) == (status, True), answer.text


@pytest.mark.parametrize("k", ["0", "1001", "many"])
def test_a_wrong_k_is_refused(search, indexed, k):
    assert call(search, f"/v1/search?k={k}", content=png(indexed.images[0])).status_code == 422


class Held:
    """A search that answers only when it is released."""

    def __init__(self, search):
        self.index, self.model = search.index, search.model
        self.started, self.release = threading.Semaphore(0), threading.Event()

    def neighbors(self, *_):
        self.started.release()
        self.release.wait(30)
        return [[]]


def test_a_slow_answer_ends_in_time_and_keeps_its_place_until_it_ends(search, indexed):
    held = Held(search)
    image = png(indexed.images[0])

    async def requests():
        transport = httpx.ASGITransport(create_app(held, Limits(seconds=0.3, in_flight=1)))
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


def test_a_body_that_never_ends_is_cut_off(search):
    async def endless():
        while True:
            yield b"x" * 1000

    assert call(search, "/v1/search", Limits(max_bytes=10_000), content=endless()).status_code == 413


def test_a_body_that_dawdles_is_cut_off(search):
    async def dawdling():
        yield b"\x89PNG"
        await asyncio.Event().wait()

    assert call(search, "/v1/search", Limits(seconds=0.2), content=dawdling()).status_code == 504

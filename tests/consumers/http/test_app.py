"""The endpoint over HTTP, with a real index and model."""

import asyncio
import io
import pathlib
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.components.tiny_models import image_id, png, save_model
from tests.consumers.http.endpoint import Held, call, serving
from tfx_contrastive.consumers.http.app import Limits, create_app
from tfx_contrastive.consumers.search import ImageSearch

NAMED = {
    "version": 1,
    "champion": True,
    "blessed": True,
    "run": "r1",
    "description": "version 1, the champion",
}


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
